"""The Billing service: what it cost."""
