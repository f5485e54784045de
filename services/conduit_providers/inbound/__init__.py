"""Dialects that callers speak beside OpenAI's: each a translation into a chat, and one back."""
