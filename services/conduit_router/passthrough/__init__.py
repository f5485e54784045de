"""Calls in providers' own words: `PassThrough`."""
