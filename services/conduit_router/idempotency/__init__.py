"""Calls with an idempotency key: made once, and answered as often as they are asked for."""
