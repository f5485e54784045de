"""The HTTP edge, driven by the generated routes."""
