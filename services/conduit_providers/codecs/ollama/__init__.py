"""Ollama's own dialect, with a JSON document a line."""
