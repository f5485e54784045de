"""Which of two RPCs the header fields mean."""

from tests.support.exchanges import Caller, request_of

from conduit.v1.options_pb2 import DIALECT_ANTHROPIC, DIALECT_OPENAI, Dialect
from conduit_bridge.endpoints.header_selected import HeaderSelectedEndpoint
from conduit_bridge.endpoints.unary import Endpoint, Outcome, RequestContext
from conduit_bridge.metrics import RouteCounts


class Named(Endpoint):
    """Answers with the status that it is known by."""

    def __init__(self, status: int, dialect: Dialect.ValueType) -> None:
        self.counts = RouteCounts("GET", "/v1/models", "ListModels")
        self.dialect = dialect
        self.status = status

    async def serve(self, context: RequestContext) -> Outcome:
        """Say who it is."""
        return Outcome(self.status)


async def test_a_header_that_is_there_chooses_whatever_it_says() -> None:
    """Its endpoint serves, and errors are in its dialect; without it the usual one does."""
    usual, other = Named(200, DIALECT_OPENAI), Named(201, DIALECT_ANTHROPIC)
    both = HeaderSelectedEndpoint(usual, {"anthropic-version": other})
    for fields, meant in (({}, usual), ({"anthropic_version": ""}, other)):
        request = request_of(Caller(), **fields)
        assert both.choose(request) is meant
        context = RequestContext(request, {}, "req_1", b"")
        assert (await both.serve(context)).status == meant.status
