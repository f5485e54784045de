"""Translations of speech into English text: `Translate`, a transcription in other words."""

from typing import ClassVar

from conduit_providers.codec import Codec
from conduit_providers.operations.transcribe import TranscribeOperation


class TranslateOperation(TranscribeOperation):
    """Writes down speech in English."""

    name: ClassVar[str] = "translate"
    # Nobody streams translations.
    codec_type: ClassVar[type] = Codec


OPERATION = TranslateOperation()
