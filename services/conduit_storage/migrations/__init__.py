"""The Storage service's migrations, oldest first."""
