"""What a router remembers of its calls: where they could go, what was tried, how they ended."""
