"""How much of an answer is held back."""

from typing import NamedTuple

from conduit_kernel.settings import STREAM_HOLD_BYTES, STREAM_HOLD_SECONDS


class StreamHold(NamedTuple):
    """The bound up to which a stream is held back, so that its failure can be hidden."""

    max_bytes: int = STREAM_HOLD_BYTES
    # Counted from the first events on.
    seconds: float = STREAM_HOLD_SECONDS
