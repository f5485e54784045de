"""OpenAI's translations of speech: transcriptions at another path.

https://platform.openai.com/docs/api-reference/audio/createTranslation
"""

from conduit_providers.codecs.openai.transcribe import OpenAITranscribeCodec

CODEC = OpenAITranscribeCodec()
