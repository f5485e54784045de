"""Ultravox's dialect: https://docs.ultravox.ai/apps/websockets."""
