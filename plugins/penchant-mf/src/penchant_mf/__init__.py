"""Matrix factorisation strategies for penchant."""

PENCHANT_API = 1
