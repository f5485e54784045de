"""Files that callers send, or have written, kept by Storage."""
