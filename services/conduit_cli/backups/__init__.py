"""Backups that are made on a schedule, encrypted, and kept in an object store."""
