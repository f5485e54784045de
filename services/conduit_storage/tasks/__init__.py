"""Tasks: what is done while nobody waits, and what it came to."""
