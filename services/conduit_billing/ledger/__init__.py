"""Charges and what they do to the accounts."""
