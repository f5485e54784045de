"""Providers that take tokens, whose issuer does not answer, through a router."""

import asyncio
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration
from tests.integration.router.conftest import Runner, instances, text
from tests.support.snapshots import ALIAS

from conduit.v1.fallback_chain_pb2 import FallbackChain, FallbackProvider
from conduit_providers.catalog import load_catalog

SIGNER = """
import asyncio

class Hanging:
    is_static = False
    expires_at = 0.0

    def sign(self, request):
        return request

    async def refresh(self, now, send):
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
kind = "hanging_issuer.auth"
description = "A key"

[endpoints.chat]
codec = "openai_chat"
path = "/chat/completions"
"""


async def test_next_candidate_is_asked_when_no_token_comes(
    bench: Runner, upstream: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within the time that the chain allows the first one; whole and streamed."""
    package = tmp_path / "modules" / "hanging_issuer"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "auth.py").write_text(SIGNER)
    monkeypatch.syspath_prepend(package.parent)
    folder = tmp_path / "catalog"
    folder.mkdir()
    (folder / "tokens.toml").write_text(TYPE)
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
    router = await bench(source, catalog=load_catalog(folder))
    async with asyncio.timeout(5):
        response = await router.chat()
        assert text(response)
        assert (response.report.provider_id, response.report.attempts) == (2, 2)
        # The key is benched by now.
        messages = await router.stream()
    assert messages[0].started.provider_id == 2
