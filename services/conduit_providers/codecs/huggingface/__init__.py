"""What Hugging Face serves beside OpenAI's dialect."""
