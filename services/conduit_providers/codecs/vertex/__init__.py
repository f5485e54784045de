"""Vertex AI, where the model's maker decides the dialect."""
