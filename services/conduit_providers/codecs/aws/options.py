"""What the catalog says to AWS's dialects."""

from collections.abc import Mapping

import msgspec


class TranscribeOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The languages of Amazon Transcribe."""

    # The dialect that is meant by a language alone: `en = "en-US"`.
    dialects: Mapping[str, str] = {}
    # Those that are told apart where a caller names none.
    guesses: tuple[str, ...] = ()


class ConverseOptions(TranscribeOptions, frozen=True, forbid_unknown_fields=True):
    """The same for live sessions."""
