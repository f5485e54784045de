"""Tasks: calls that are made while nobody waits."""
