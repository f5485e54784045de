"""What may be used in a minute, and at a time: limits, and the parts of them that routers hold."""
