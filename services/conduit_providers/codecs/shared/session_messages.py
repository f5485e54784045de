"""Reads what providers say in sessions whose messages are JSON, their failures among them."""

from collections.abc import Iterator
from typing import TypeVar

import msgspec

from conduit_providers.codecs.shared.transcription_session import TranscriptionSession
from conduit_providers.failures import error_in_stream, malformed
from conduit_providers.session_codec import Frame, Step

MessageT = TypeVar("MessageT", bound=msgspec.Struct)
_OF_SERVER = 500


def message(frame: Frame, reader: "msgspec.json.Decoder[MessageT]", provider: str) -> MessageT:
    """Return what the provider says. UpstreamError if it makes no sense."""
    if isinstance(frame, bytes):
        raise malformed(provider, "a message is no text")
    try:
        return reader.decode(frame)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise malformed(provider, "a message cannot be read") from error


def failed(
    session: TranscriptionSession, code: str, words: str, status: int = _OF_SERVER
) -> Iterator[Step]:
    """Yield that the provider reports a failure, and note it; its status is like that of HTTP."""
    told = {"code": code, "message": words}
    session.failure = error_in_stream(told, session.call.provider, status)
    kind = "server_error" if status >= _OF_SERVER else "invalid_request_error"
    yield session.events.failure(kind, code, words)
