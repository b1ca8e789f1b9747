"""Splits of data small enough to follow; test_evaluation.py has those of real data."""
