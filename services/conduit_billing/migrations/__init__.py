"""Billing's tables, step by step."""
