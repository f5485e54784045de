"""Finds what is wrong with a gateway, on its machine and in its configuration."""
