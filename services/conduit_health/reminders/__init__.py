"""What administrators were reminded of."""
