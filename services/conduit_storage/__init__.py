"""The Storage service: what calls leave behind."""
