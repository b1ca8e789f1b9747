"""Content strategies for penchant: TF-IDF and text similarity."""

PENCHANT_API = 1
