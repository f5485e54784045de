"""Checks of instances, by free requests."""
