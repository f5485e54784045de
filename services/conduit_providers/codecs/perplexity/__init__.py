"""Perplexity's Agent API: chats that may search the web before they answer."""
