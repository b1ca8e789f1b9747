"""penchant."""
