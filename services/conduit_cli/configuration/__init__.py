"""The configuration as a file: read, compared with a gateway, and applied."""
