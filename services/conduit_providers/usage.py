"""What a call consumed, in the units that providers charge for."""

from collections.abc import Sequence

import msgspec


class Usage(msgspec.Struct, frozen=True):
    """Token counts of one call, as contracts between us and the ledger mean them.

    `input_tokens` counts all tokens read: cached, written to the cache, and spoken ones included.
    `output_tokens` counts all tokens written: reasoning and spoken ones included.
    `cache_write_tokens` counts all tokens written to the cache: `cache_write_1h_tokens`, those that
    stay for an hour, included.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    reasoning_tokens: int = 0
    audio_input_tokens: int = 0
    audio_output_tokens: int = 0


def total(usages: Sequence[Usage]) -> Usage:
    """Return the sum of counts; all are zero if there are none."""
    names = Usage.__struct_fields__
    return Usage(**{name: sum(getattr(each, name) for each in usages) for name in names})
