"""OpenAI's dialect, and that of the many who speak it."""
