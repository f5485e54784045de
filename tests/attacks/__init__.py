"""Attacks, each file named after its class, on a whole gateway."""
