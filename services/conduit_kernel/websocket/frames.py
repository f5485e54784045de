"""The usual frame, a whole message of some length, read and written without the protocol's steps.

https://www.rfc-editor.org/rfc/rfc6455#section-5.2
"""

import secrets

from websockets.frames import Frame

try:
    from websockets.speedups import apply_mask
except ImportError:
    from websockets.utils import apply_mask

Message = str | bytes

_WHOLE_TEXT, _WHOLE_BINARY = 0x81, 0x82
_IS_MASKED = 0x80
_IN_TWO, _IN_EIGHT = 126, 127
# The longest whose length is in two bytes.
MOST_USUAL_BYTES = 65_535
_MASK_BYTES = 4


def usual_message(data: bytes, *, is_masked: bool) -> Message | None:
    """Return the message that bytes are the one frame of; None if they are anything else."""
    size = len(data)
    if size <= _MASK_BYTES or data[0] not in (_WHOLE_TEXT, _WHOLE_BINARY):
        return None
    length, at = data[1], 2
    if is_masked:
        # One that should be masked and is not, is too long then.
        length ^= _IS_MASKED
        at += _MASK_BYTES
    if length == _IN_TWO:
        length, at = data[2] << 8 | data[3], at + 2
        is_usual = length >= _IN_TWO
    else:
        is_usual = length < _IN_TWO
    if not is_usual or at + length != size:
        return None
    content = data[at:]
    if is_masked:
        content = apply_mask(content, data[at - _MASK_BYTES : at])
    if data[0] == _WHOLE_BINARY:
        return content
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


def frame_of(message: Message, *, is_masked: bool) -> bytes:
    """Return the frame that has all of a message."""
    is_text = isinstance(message, str)
    content = message.encode() if isinstance(message, str) else message
    first, length = _WHOLE_TEXT if is_text else _WHOLE_BINARY, len(content)
    mark = _IS_MASKED if is_masked else 0
    if length < _IN_TWO:
        head = bytes((first, mark | length))
    elif length <= MOST_USUAL_BYTES:
        head = bytes((first, mark | _IN_TWO, length >> 8, length & 0xFF))
    else:
        head = bytes((first, mark | _IN_EIGHT)) + length.to_bytes(8)
    if not is_masked:
        return head + content
    mask = secrets.token_bytes(_MASK_BYTES)
    return b"".join((head, mask, apply_mask(content, mask)))


def size_of(frame: Frame, *, is_masked: bool) -> int:
    """Return how many bytes a frame took at least."""
    length = len(frame.data)
    size = length + 2 + is_masked * _MASK_BYTES
    if length <= _IN_TWO - 1:
        return size
    return size + (2 if length <= MOST_USUAL_BYTES else 8)
