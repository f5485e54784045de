"""The Registry's migrations, oldest first."""
