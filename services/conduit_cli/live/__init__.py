"""A gateway as it works: live in a terminal, and under a load of one's own."""
