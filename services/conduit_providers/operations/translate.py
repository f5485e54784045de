"""Translations of speech into English text: `Translate`, a transcription in other words."""

from typing import ClassVar

from conduit_providers.operations.transcribe import TranscribeOperation


class TranslateOperation(TranscribeOperation):
    """Writes down speech in English."""

    name: ClassVar[str] = "translate"


OPERATION = TranslateOperation()
