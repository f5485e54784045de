"""Reads what of a caller's events is the same in all sessions."""

import msgspec

from conduit_kernel.errors import InvalidRequest


class _Event(msgspec.Struct):
    event_id: str | None = None


class _Append(msgspec.Struct):
    # Base64 in JSON.
    audio: bytes


_read_event = msgspec.json.Decoder(_Event).decode
_read_append = msgspec.json.Decoder(_Append).decode


def sound_in(text: str) -> bytes:
    """Return the sound of an `input_audio_buffer.append`. InvalidRequest if it has none."""
    try:
        return _read_append(text).audio
    except msgspec.MsgspecError as error:
        raise InvalidRequest("audio is sound in base64", field="audio") from error


def event_id_of(text: str) -> str | None:
    """Return the caller's own name of an event, if it has one."""
    try:
        return _read_event(text).event_id
    except (msgspec.MsgspecError, RecursionError):
        return None
