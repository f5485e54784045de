"""The LoginService: who has logged in, as bridges tell."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from conduit.internal.v1 import login_service_pb2 as pb
from conduit.internal.v1.login_service_pb2_grpc import LoginServiceServicer
from conduit_kernel.audit.author import Author
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.followers import Followers
from conduit_kernel.oidc_settings import MAX_HOURS
from conduit_registry import messages
from conduit_registry.configuration.sessions import SessionEditor
from conduit_registry.rpcs.base import Context
from conduit_registry.rules import fields
from conduit_registry.store import ADMINISTRATOR_SESSION, Store
from conduit_registry.values import AdministratorSession

MAX_SECONDS = MAX_HOURS * 3600
_MICRO = 1_000_000


class LoginService(LoginServiceServicer):
    """Begins, finds and ends sessions of administrators."""

    def __init__(self, store: Store, followers: Followers) -> None:
        """Take the store, and who follows it: none works on with a session that has ended."""
        self._store = store
        self._followers = followers

    async def BeginSession(
        self, request: pb.BeginSessionRequest, context: Context
    ) -> pb.BeginSessionResponse:
        """Begin a session of somebody whom the login provider confirmed."""
        if not (request.subject and 0 < request.seconds <= MAX_SECONDS):
            message = f"A session is somebody's, and lasts up to {MAX_SECONDS:,} seconds"
            raise InvalidRequest(message, field="seconds")
        author = Author(f"login/{request.name}", request.address, request.request_id)
        made = AdministratorSession(
            subject=request.subject,
            name=request.name,
            role=request.role,
            address=request.address,
            expires_at=self._store.now() + request.seconds * _MICRO,
        )
        async with self._editing(author) as sessions:
            begun = await sessions.begin(made)
        if begun is None:
            return pb.BeginSessionResponse()
        return pb.BeginSessionResponse(session=messages.administrator_session(begun))

    async def FindSession(
        self, request: pb.FindSessionRequest, context: Context
    ) -> pb.FindSessionResponse:
        """Return a session that has not ended."""
        found = await self._found(request.reference)
        if found is None:
            return pb.FindSessionResponse()
        return pb.FindSessionResponse(session=messages.administrator_session(found))

    async def EndSession(
        self, request: pb.EndSessionRequest, context: Context
    ) -> pb.EndSessionResponse:
        """End a session for whoever has it."""
        found = await self._found(request.reference)
        if found is not None:
            author = Author(f"login/{found.name}", request.address, request.request_id)
            async with self._editing(author) as sessions:
                await sessions.log_out(found.id, found.created_at)
        return pb.EndSessionResponse()

    async def _found(self, reference: pb.SessionReference) -> AdministratorSession | None:
        began_at = fields.moment(reference.created_at, "createdAt")
        async with self._store.read() as reading:
            found = await reading.some(ADMINISTRATOR_SESSION, [reference.id])
        now = self._store.now()
        is_it = (each for each in found if each.created_at == began_at and each.expires_at > now)
        return next(is_it, None)

    @asynccontextmanager
    async def _editing(self, author: Author) -> AsyncIterator[SessionEditor]:
        """Change sessions within one transaction, and wait until all know."""
        async with self._store.change(author) as changing:
            yield SessionEditor(changing)
            revision, is_changed = changing.revision, changing.revision != changing.began_at
        if is_changed:
            await self._followers.until_used(revision)
