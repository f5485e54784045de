"""Deepgram's dialect: https://developers.deepgram.com/reference."""
