"""Batches of requests that are made while nobody waits."""
