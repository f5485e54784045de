"""Calls that were made with an idempotency key, and what they came to."""
