"""What `hybrid.weighted` makes of its parts, and how it learns what they count."""
