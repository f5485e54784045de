"""A provider's key and a caller's key are nowhere but where they must be."""

import io
import logging
from pathlib import Path

import pytest
from tests.support.suite import ENCRYPTION_KEY, MASTER_KEY, running_suite

CANARY = "sk-canary-4f9d1c7be2a84b0f"


async def test_the_canary_is_nowhere(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Not in databases, snapshot, spool, logs, metrics, errors or answers."""
    caplog.set_level(logging.DEBUG)
    seen = io.StringIO()
    async with running_suite(tmp_path) as suite:
        client = suite.admin()
        made = await client.post(
            "/api/providers", json={"name": "canary", "providerType": "Simulator"}
        )
        number = made.json()["id"]
        key = await client.post(f"/api/providers/{number}/keys", json={"apiKey": CANARY})
        key_id = key.json()["id"]
        mapping = {"providerId": number, "actualModelName": "status-401"}
        for alias, model in (("bad", "status-401"), ("good", "echo"), ("gone", "reset")):
            body = {**mapping, "modelAlias": alias, "actualModelName": model}
            if alias != "bad":
                other = await client.post(
                    "/api/providers", json={"name": f"canary {alias}", "providerType": "Simulator"}
                )
                body["providerId"] = other.json()["id"]
                await client.post(
                    f"/api/providers/{body['providerId']}/keys", json={"apiKey": CANARY}
                )
            await client.post("/api/model-provider-mappings", json=body)
        await suite.settled()
        for path in (
            "/api/providers",
            f"/api/providers/{number}/keys",
            f"/api/providers/{number}/keys/{key_id}",
            f"/api/providers/{number}/health",
            "/api/audit-log",
            "/api/config",
            "/api/provider-health",
            "/api/virtual-keys",
            "/metrics",
        ):
            seen.write((await client.get(path)).text)
        for path, body in (
            (f"/api/providers/{number}/test", {}),
            (f"/api/providers/{number}/discover", {}),
            (f"/api/providers/{number}/keys/{key_id}/rotate", {"apiKey": CANARY + "x"}),
            (f"/api/providers/{number}/keys/{key_id}/rotate", {"apiKey": CANARY, "nonsense": 1}),
            (f"/api/providers/{number}/keys", {"apiKey": [CANARY]}),
        ):
            seen.write((await client.post(path, json=body)).text)
        async with suite.caller() as caller:
            for alias in ("bad", "good", "gone"):
                for stream in (False, True):
                    answer = await caller.post(
                        "/v1/chat/completions",
                        json={
                            "model": alias,
                            "stream": stream,
                            "messages": [{"role": "user", "content": "canary-prompt-71c3"}],
                        },
                    )
                    seen.write(f"{answer.headers}")
                    if alias != "good":
                        seen.write(answer.text)
        seen.write((await client.get("/metrics")).text)
        await client.aclose()
        virtual_key = suite.virtual_key
    out = capfd.readouterr()
    seen.write(out.out + out.err + caplog.text)
    written = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    assert len(written) > 10_000
    for secret in (CANARY, virtual_key, MASTER_KEY):
        assert secret.encode() not in written
        assert secret not in seen.getvalue()
    assert ENCRYPTION_KEY not in written
    assert b"canary-prompt-71c3" not in written
    assert "canary-prompt-71c3" not in seen.getvalue()
