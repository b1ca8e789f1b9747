"""Metrics beside those of other libraries."""
