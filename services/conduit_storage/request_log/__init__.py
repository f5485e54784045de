"""What became of requests, for as long as that is kept."""
