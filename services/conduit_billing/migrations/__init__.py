"""Billing's migrations, oldest first."""
