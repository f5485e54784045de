"""Changes of the configuration: one by one, and as a whole document."""
