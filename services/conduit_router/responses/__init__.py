"""OpenAI's Responses beyond single calls: what is kept of them, and connections that hold them."""
