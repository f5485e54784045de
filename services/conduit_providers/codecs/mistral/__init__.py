"""OpenAI's dialect as Mistral speaks it."""
