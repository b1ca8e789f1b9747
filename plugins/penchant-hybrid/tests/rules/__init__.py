"""What `hybrid.rules` does to lists."""
