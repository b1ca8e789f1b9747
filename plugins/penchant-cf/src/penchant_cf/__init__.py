"""Collaborative filtering strategies for penchant: item-kNN and EASE."""

PENCHANT_API = 1
