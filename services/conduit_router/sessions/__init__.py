"""Calls that are sessions: at their providers, what they use, and what holds their budgets."""
