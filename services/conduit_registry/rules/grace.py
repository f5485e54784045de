"""How long a value that is replaced counts beside the new one."""

from google.protobuf.message import Message

from conduit_kernel.limits import number_of

DAY_SECONDS = 86_400
_MICRO = 1_000_000


def grace_of(request: Message, default_seconds: int) -> int:
    """Return the grace time of a rotation in microseconds, by the `grace_seconds` of a request."""
    given = number_of(request, "grace_seconds")
    return (given if request.HasField("grace_seconds") else default_seconds) * _MICRO
