"""Voices: which ones there are, those that callers make, and speech with them."""
