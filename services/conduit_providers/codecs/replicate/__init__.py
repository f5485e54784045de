"""Replicate's predictions, which are jobs."""
