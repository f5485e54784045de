"""What Deepgram's two protocols of live sound have in common."""

from collections.abc import Iterator
from typing import TypeVar

import msgspec

from conduit_providers.codecs.shared.transcription_session import TranscriptionSession
from conduit_providers.failures import error_in_stream, malformed
from conduit_providers.session_codec import Frame, Step

MessageT = TypeVar("MessageT", bound=msgspec.Struct)


def message(frame: Frame, reader: "msgspec.json.Decoder[MessageT]", provider: str) -> MessageT:
    """Return what the provider says. UpstreamError if it makes no sense."""
    if isinstance(frame, bytes):
        raise malformed(provider, "a message is no text")
    try:
        return reader.decode(frame)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise malformed(provider, "a message cannot be read") from error


def failed(session: TranscriptionSession, code: str, words: str) -> Iterator[Step]:
    """Yield that the provider reports a failure, and note it."""
    told = {"code": code, "message": words}
    session.failure = error_in_stream(told, session.call.provider)
    yield session.events.failure("server_error", code, words)
