"""The Registry service: what exists."""
