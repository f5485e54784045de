"""Batches: requests of a file that are made while nobody waits, at any provider."""
