"""Endpoints that share a path; a header selects one."""

from collections.abc import Mapping

from conduit_bridge.endpoints.unary import Endpoint, Outcome, RequestContext
from conduit_kernel.http import Exchange, Request


class HeaderSelectedEndpoint(Endpoint):
    """Endpoints at one path, of which the request's header fields choose one."""

    def __init__(self, usual: Endpoint, chosen: Mapping[str, Endpoint]) -> None:
        """Take the endpoint that is meant without such headers, and the others by header."""
        self.counts = usual.counts
        self.dialect = usual.dialect
        self.max_body_bytes = max(e.max_body_bytes for e in (usual, *chosen.values()))
        self._usual = usual
        self._chosen = [(header.encode(), endpoint) for header, endpoint in chosen.items()]

    def judge_head(self, request: Request) -> None:
        """Judge it as the usual one: what shares a path shares its access."""
        self._usual.judge_head(request)

    def choose(self, exchange: Exchange) -> Endpoint:
        """Return the first endpoint whose header is there, whatever it says."""
        for header, endpoint in self._chosen:
            if header in exchange.fields:
                return endpoint.choose(exchange)
        return self._usual.choose(exchange)

    async def serve(self, context: RequestContext) -> Outcome:
        """Serve what the headers mean."""
        return await self.choose(context.exchange).serve(context)
