"""ElevenLabs' dialect: https://elevenlabs.io/docs/api-reference."""
