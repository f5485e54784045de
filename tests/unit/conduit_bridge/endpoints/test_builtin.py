"""What the bridge answers itself."""

import gzip
import json
from collections.abc import Sequence

import pytest
from prometheus_client import CollectorRegistry
from tests.support.exchanges import REQUEST_ID, Caller, context_of, request_of

from conduit_bridge.endpoints.builtin import builtin_endpoints
from conduit_bridge.endpoints.unary import Outcome
from conduit_bridge.metrics import Metrics
from conduit_kernel.exposition import Exposition

OPENAPI = b'{"openapi":"3.1.0"}'


class Bridge:
    """The endpoints, and the problems that readiness finds."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        metrics, registry = Metrics(), CollectorRegistry()
        registry.register(metrics)
        made = builtin_endpoints(
            metrics, readiness=self._readiness, exposition=Exposition(registry), openapi=OPENAPI
        )
        self.endpoints = {endpoint.counts.route: endpoint for endpoint in made}

    async def get(self, path: str, method: str = "GET", **fields: str) -> Caller:
        """Return what a caller is answered."""
        caller = Caller()
        request = request_of(caller, method, path, **fields)
        outcome = await self.endpoints[path].serve(context_of(request))
        assert outcome == Outcome(caller.status)
        assert f"x-request-id: {REQUEST_ID}" in caller.lines
        return caller

    async def _readiness(self) -> Sequence[str]:
        return self.problems


async def test_a_bridge_is_ready_without_problems() -> None:
    """Each answer is of the moment, and no proxy may keep it."""
    bridge = Bridge()
    ready = await bridge.get("/health/ready")
    assert (ready.status, json.loads(ready.body)) == (200, {"status": "ready"})
    bridge.problems = ["the router has no configuration yet"]
    waiting = await bridge.get("/health/ready")
    assert waiting.status == 503
    assert json.loads(waiting.body) == {"status": "not ready", "reasons": bridge.problems}
    for caller in (ready, waiting, await bridge.get("/metrics")):
        assert "cache-control: no-store" in caller.lines


async def test_a_bridge_with_problems_is_alive() -> None:
    """To end it would mend nothing."""
    bridge = Bridge()
    bridge.problems = ["the router cannot be reached"]
    assert json.loads((await bridge.get("/health/live")).body) == {"status": "live"}


@pytest.mark.parametrize(
    ("path", "media_type", "part"),
    [
        ("/", "text/plain; charset=utf-8", b"/openapi.json"),
        ("/openapi.json", "application/json", OPENAPI),
        ("/metrics", "text/plain; version=", b"# HELP conduit_http_requests"),
    ],
)
async def test_each_has_its_media_type(path: str, media_type: str, part: bytes) -> None:
    """HEAD has the same head, and no body."""
    bridge = Bridge()
    caller, head = await bridge.get(path), await bridge.get(path, "HEAD")
    assert part in caller.body
    types = [line for line in caller.lines if line.startswith("content-type: ")]
    assert [line.startswith(f"content-type: {media_type}") for line in types] == [True]
    assert (head.body, head.lines) == (b"", caller.lines)


@pytest.mark.parametrize("path", ["/openapi.json", "/metrics"])
async def test_large_answers_are_compressed(path: str) -> None:
    """For who takes gzip, and with the same meaning."""
    bridge = Bridge()
    for endpoint in bridge.endpoints.values():
        endpoint.counts.ended(200, 0.1)
    plain, folded = await bridge.get(path), await bridge.get(path, accept_encoding="gzip")
    assert "content-encoding: gzip" in folded.lines
    assert "vary: accept-encoding" in folded.lines
    assert gzip.decompress(folded.body)[:20] == plain.body[:20]


async def test_document_that_a_caller_has_is_not_sent_again() -> None:
    """Its tag is enough."""
    bridge = Bridge()
    tag = next(
        line.removeprefix("etag: ")
        for line in (await bridge.get("/openapi.json")).lines
        if line.startswith("etag: ")
    )
    again = await bridge.get("/openapi.json", if_none_match=tag)
    assert (again.status, again.body) == (304, b"")


def test_the_welcome_names_what_is_there() -> None:
    """Every path that it names begins one that is served."""
    from_root = {"/health/live", "/health/ready", "/metrics", "/openapi.json"}
    assert from_root < Bridge().endpoints.keys()
