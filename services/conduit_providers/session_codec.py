"""The shape of a dialect whose calls are sessions: events both ways over a WebSocket.

Like any codec it does no I/O. It builds the handshake, or the call over HTTP before it, and makes
a translator for each session, which turns a caller's events into the provider's frames and back.
Events are OpenAI's, in either form.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

from conduit.v1.converse_requests_pb2 import SessionEndReason
from conduit_kernel.errors import UpstreamError
from conduit_providers.calls import Form
from conduit_providers.quantities import Quantities
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import SessionRequest

CallT = TypeVar("CallT", contravariant=True)

Frame = str | bytes
SessionEvent = Form[Any]
# What is done next, told by its type: a frame is sent to the provider, an event to the caller, and
# what opens a session opens a connection in place of this one.
Step = Frame | SessionEvent | SessionRequest


class KeepAlive(NamedTuple):
    """A frame that a provider must hear now and then, however silent the caller is."""

    seconds: float
    frame: Frame


class SessionTranslator(Protocol):
    """Translates one session at a provider. Stateful, so one for each attempt."""

    # Whether the provider holds the session; what goes wrong before is another candidate's chance.
    is_open: bool
    # Whether the provider said that the session is over.
    is_done: bool
    # Why it ended, where the provider said so.
    end_reason: SessionEndReason.ValueType
    # What the last event told, if that was a failure.
    failure: UpstreamError | None
    # None where the WebSocket's own pings are enough.
    keep_alive: KeepAlive | None

    @property
    def usage(self) -> Quantities:
        """Return what the provider counted so far."""
        ...

    @property
    def other_usage(self) -> Mapping[str, Quantities]:
        """Return what was counted of the provider's other models, by their names."""
        ...

    def uncounted(self, milliseconds: int) -> Quantities | None:
        """Return about what was used and not counted in a session that was open for so long.

        None if everything is counted.
        """
        ...

    def first_steps(self) -> Sequence[Step]:
        """Return what is done once there is a connection, before the provider says anything."""
        ...

    def to_upstream(self, event: SessionEvent) -> Sequence[Step]:
        """Translate a caller's event. InvalidRequest if this dialect cannot say it."""
        ...

    def from_upstream(self, frame: Frame) -> Sequence[Step]:
        """Translate what the provider sent. UpstreamError if it makes no sense."""
        ...

    def last_frames(self) -> Sequence[Frame]:
        """Return what the provider is told before the connection is closed from this side."""
        ...


@runtime_checkable
class SessionCodec(Protocol, Generic[CallT]):
    """Translates an operation whose calls are sessions."""

    def to_upstream(self, call: CallT, endpoint: Endpoint, target: Target) -> SessionRequest:
        """Build what opens the session. InvalidRequest if this dialect cannot say the call."""
        ...

    def translator(self, call: CallT, endpoint: Endpoint, target: Target) -> SessionTranslator:
        """Return a fresh translator for one session."""
        ...
