"""Requests of batches that are made by the batches of providers' own."""
