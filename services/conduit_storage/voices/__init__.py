"""Voices that callers have made: whose they are, and where."""
