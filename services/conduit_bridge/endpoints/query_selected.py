"""Endpoints that share a path; a parameter of the query selects one."""

from urllib.parse import parse_qsl

from conduit_bridge.endpoints.unary import MAX_QUERY_FIELDS, Endpoint, Outcome, RequestContext
from conduit_kernel.http import Exchange, Request

_TRUE = frozenset({"true", "1"})


class QuerySelectedEndpoint(Endpoint):
    """Endpoints at one path whose requests have no body, of which the query chooses one."""

    def __init__(self, usual: Endpoint, chosen: dict[str, Endpoint]) -> None:
        """Take the endpoint that is meant when no parameter is true, and the others by name."""
        self.counts = usual.counts
        self.dialect = usual.dialect
        self.max_body_bytes = max(e.max_body_bytes for e in (usual, *chosen.values()))
        self._usual = usual
        self._chosen = chosen

    def judge_head(self, request: Request) -> None:
        """Judge it as the usual one: what shares a path shares its access."""
        self._usual.judge_head(request)

    def choose(self, exchange: Exchange) -> Endpoint:
        """Return the first endpoint whose parameter is true."""
        if not exchange.query:
            return self._usual
        try:
            said = parse_qsl(exchange.query, max_num_fields=MAX_QUERY_FIELDS)
        except ValueError:
            # Whoever reads the query says what is wrong with it.
            return self._usual
        true = {name for name, value in said if value in _TRUE}
        return next((each for name, each in self._chosen.items() if name in true), self._usual)

    async def serve(self, context: RequestContext) -> Outcome:
        """Serve what the query means."""
        return await self.choose(context.exchange).serve(context)
