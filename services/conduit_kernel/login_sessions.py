"""The sessions of administrators that the Registry keeps, for bridges."""

from typing import TYPE_CHECKING, NamedTuple

import grpc

from conduit.internal.v1 import login_service_pb2 as pb
from conduit.internal.v1.login_service_pb2_grpc import LoginServiceStub
from conduit.v1.administrator_session_pb2 import AdministratorSession
from conduit.v1.role_pb2 import Role
from conduit_kernel.sessions import Session

if TYPE_CHECKING:
    # Exists for type checkers only.
    from conduit.internal.v1.login_service_pb2_grpc import LoginServiceAsyncStub

# The Registry answers once all who are to know have heard of it.
CALL_SECONDS = 10.0


class Person(NamedTuple):
    """Somebody whom the login provider confirmed."""

    # The provider's own id of them.
    subject: str
    # For the audit log.
    name: str
    # Unspecified if none of their groups may do anything.
    role: Role.ValueType


class LoginSessions:
    """Begins, finds and ends sessions at the Registry. RpcError if that is away."""

    def __init__(self, registry: grpc.aio.Channel, metadata: tuple[tuple[str, str], ...]) -> None:
        """Take a channel to the Registry, and what to show it."""
        self._stub: LoginServiceAsyncStub = LoginServiceStub(registry)
        self._metadata = metadata

    async def begin(
        self, person: Person, seconds: int, *, address: str, request_id: str
    ) -> AdministratorSession | None:
        """Begin a session; None if somebody may do nothing, whose sessions have ended then."""
        request = pb.BeginSessionRequest(
            subject=person.subject,
            name=person.name,
            role=person.role,
            seconds=seconds,
            address=address,
            request_id=request_id,
        )
        answer = await self._stub.BeginSession(
            request, metadata=self._metadata, timeout=CALL_SECONDS
        )
        return answer.session if answer.HasField("session") else None

    async def find(self, session: Session) -> AdministratorSession | None:
        """Return a session; None if it has ended."""
        answer = await self._stub.FindSession(
            pb.FindSessionRequest(reference=_reference(session)),
            metadata=self._metadata,
            timeout=CALL_SECONDS,
        )
        return answer.session if answer.HasField("session") else None

    async def end(self, session: Session, address: str, request_id: str) -> None:
        """End a session, at every service."""
        request = pb.EndSessionRequest(
            reference=_reference(session), address=address, request_id=request_id
        )
        await self._stub.EndSession(request, metadata=self._metadata, timeout=CALL_SECONDS)


def _reference(session: Session) -> pb.SessionReference:
    reference = pb.SessionReference(id=session.id)
    reference.created_at.FromMicroseconds(session.began_at)
    return reference
