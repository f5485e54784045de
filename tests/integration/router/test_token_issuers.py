"""Providers that take tokens, whose issuer does not answer, through a router."""

import asyncio
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration
from tests.integration.router.conftest import Bench, Runner, instances, text
from tests.support.garbage import calls, no_collector, nothing_is_left
from tests.support.snapshots import ALIAS

from conduit.v1.fallback_chain_pb2 import FallbackChain, FallbackProvider
from conduit_providers.catalog import load_catalog

SIGNER = """
import asyncio

from conduit_kernel.errors import UpstreamUnreachable

class Hanging:
    is_static = False
    expires_at = 0.0

    def sign(self, request):
        return request

    async def refresh(self, now, send):
        if "failing" in __name__:
            raise UpstreamUnreachable("nobody is there")
        await asyncio.Event().wait()

def signer(auth, secret, target):
    return Hanging()
"""
TYPE = """
name = "Tokens"
display_name = "Tokens"
base_url = "https://tokens.example"
sources = ["https://tokens.example"]
checked_on = "2026-11-28"

[auth]
kind = "ISSUER.auth"
description = "A key"

[endpoints.chat]
codec = "openai_chat"
path = "/chat/completions"
"""


async def running(
    bench: Runner, upstream: str, folder: Path, path: pytest.MonkeyPatch, issuer: str
) -> Bench:
    """Run a router whose first candidate takes tokens of an issuer; it may fail for 0.2 s."""
    package = folder / "modules" / issuer
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "auth.py").write_text(SIGNER)
    path.syspath_prepend(package.parent)
    catalog = folder / "catalog"
    catalog.mkdir()
    (catalog / "tokens.toml").write_text(TYPE.replace("ISSUER", issuer))
    chain = FallbackChain(
        id=1,
        model_alias=ALIAS,
        is_enabled=True,
        providers=[
            FallbackProvider(provider_id=1, priority=1, timeout=Duration(nanos=200_000_000)),
            FallbackProvider(provider_id=2, priority=2),
        ],
    )
    source = instances(upstream, "ok", "ok", chain=chain)
    source.providers[0].provider_type = "Tokens"
    return await bench(source, catalog=load_catalog(catalog))


async def test_next_candidate_is_asked_when_no_token_comes(
    bench: Runner, upstream: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within the time that the chain allows the first one; whole and streamed."""
    router = await running(bench, upstream, tmp_path, monkeypatch, "hanging_issuer")
    async with asyncio.timeout(5):
        response = await router.chat()
        assert text(response)
        assert (response.report.provider_id, response.report.attempts) == (2, 2)
        # The key is benched by now.
        messages = await router.stream()
    assert messages[0].started.provider_id == 2


@pytest.mark.parametrize("issuer", ["silent_issuer", "failing_issuer"])
async def test_a_token_that_does_not_come_keeps_no_call(
    bench: Runner, upstream: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, issuer: str
) -> None:
    """However long others wait for it: nobody waits for the garbage collector."""
    router = await running(bench, upstream, tmp_path, monkeypatch, issuer)
    with no_collector():
        before = calls()
        assert (await router.chat()).report.provider_id == 2
        await nothing_is_left(before)
