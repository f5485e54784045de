"""The Health service's migrations, oldest first."""
