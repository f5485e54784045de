"""Cohere's second version."""
