"""The demo: real data, every strategy, an honest table, and what a user would see."""
