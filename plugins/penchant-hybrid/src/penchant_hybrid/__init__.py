"""Hybrid strategies for penchant: blends of several scorers."""

PENCHANT_API = 1
