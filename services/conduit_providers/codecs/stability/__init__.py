"""Stability AI's dialect: https://platform.stability.ai/docs/api-reference."""
