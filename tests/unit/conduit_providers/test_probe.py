"""How instances are asked for their models."""

import time
from pathlib import Path

import pytest
from tests.support.sending import unsent

from conduit_kernel.errors import UpstreamTimeout
from conduit_providers.catalog import load_catalog
from conduit_providers.probe import Probe, ProbeTarget
from conduit_providers.target import Target

SIGNER = """
import asyncio

class Hanging:
    is_static = False
    expires_at = 0.0

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
kind = "hanging_probe.auth"
description = "A key"

[endpoints.models]
codec = "openai_models"
path = "/models"
"""


async def test_issuer_of_tokens_that_hangs_does_not_hold_a_probe_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The probe's own limit covers the token, too."""
    package = tmp_path / "modules" / "hanging_probe"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "auth.py").write_text(SIGNER)
    monkeypatch.syspath_prepend(package.parent)
    (tmp_path / "tokens.toml").write_text(TYPE)
    probe = Probe(load_catalog(tmp_path), unsent, clock=time.time, timer=time.monotonic)
    target = ProbeTarget(Target("P", "Tokens", "https://tokens.example"), "key")
    with pytest.raises(UpstreamTimeout, match="No access token for P came in time") as raised:
        await probe.list_models(target, timeout_seconds=0.05)
    assert raised.value.metadata == {"kind": "timeout", "provider": "P"}
