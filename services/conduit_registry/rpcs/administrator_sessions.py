"""RPCs about those who have logged in."""

from conduit.v1 import administrator_session_pb2 as pb
from conduit_kernel import limits
from conduit_kernel.pagination import page_of
from conduit_registry import messages
from conduit_registry.configuration.sessions import SessionEditor
from conduit_registry.rpcs.base import Context, RpcBase
from conduit_registry.store import ADMINISTRATOR_SESSION


class AdministratorSessionRpcs(RpcBase):
    """Sessions of administrators."""

    async def ListAdministratorSessions(
        self, request: pb.ListAdministratorSessionsRequest, context: Context
    ) -> pb.ListAdministratorSessionsResponse:
        """Return a page of the sessions that have not ended."""
        page = page_of(request, "administrator_sessions")
        async with self.parts.store.read() as reading:
            found = await reading.page(ADMINISTRATOR_SESSION, page)
        sessions, token = page.cut(found, lambda each: each.id)
        now = self.parts.store.now()
        return pb.ListAdministratorSessionsResponse(
            administrator_sessions=[
                messages.administrator_session(each) for each in sessions if each.expires_at > now
            ],
            next_page_token=token,
        )

    async def EndAdministratorSessions(
        self, request: pb.EndAdministratorSessionsRequest, context: Context
    ) -> pb.EndAdministratorSessionsResponse:
        """End sessions."""
        limits.check_items(request, "ids")
        limits.check_length(request, "subject")
        async with self.editing(context) as editor:
            sessions = SessionEditor(editor.changing)
            ended = await sessions.end(list(request.ids), request.subject)
        return pb.EndAdministratorSessionsResponse(
            administrator_sessions=map(messages.administrator_session, ended)
        )
