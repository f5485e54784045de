"""Responses that callers can go on from, and where they are."""
