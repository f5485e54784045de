"""Connectivity tests and discovery, against a real upstream."""

import asyncio
from pathlib import Path

import pytest
from tests.support.egress_proxy import serve_proxy
from tests.support.registry import NOW, Api, Bench, Upstream

from conduit.v1 import connectivity_pb2 as connectivity
from conduit.v1 import provider_requests_pb2 as pb
from conduit.v1.audit_entry_pb2 import AUDIT_ACTION_DISCOVERED
from conduit.v1.connectivity_pb2 import ConnectivityReport
from conduit.v1.key_credential_pb2 import KeyCredentialSpec
from conduit.v1.key_credential_requests_pb2 import CreateKeyCredentialRequest
from conduit.v1.provider_pb2 import ProviderSpec
from conduit.v1.registry_requests_pb2 import ListAuditEntriesRequest
from conduit_kernel.egress import Egress

HOUR = 3600


async def add_keys(api: Api, *api_keys: str) -> None:
    """Give the first instance these keys."""
    for api_key in api_keys:
        key = KeyCredentialSpec(api_key=api_key)
        await api(CreateKeyCredentialRequest(provider_id=1, key=key))


async def report(api: Api, key_id: str = "") -> ConnectivityReport:
    """Test the first instance."""
    answer = await api(pb.TestProviderRequest(provider_id=1, key_id=key_id))
    found: ConnectivityReport = answer.report
    return found


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_test_that_cannot_reach_anyone_is_an_answer(api: Api) -> None:
    """A closed port, and an instance that has no key yet."""
    await api.provider(base_url="http://127.0.0.1:9/v1")
    without = await report(api)
    assert without.outcome == connectivity.CONNECTIVITY_OUTCOME_INVALID_KEY
    assert without.message == "Provider Main has no enabled key"
    await add_keys(api, "any-key")
    refused = await report(api)
    assert refused.outcome == connectivity.CONNECTIVITY_OUTCOME_UNREACHABLE
    assert (await api.refused(pb.TestProviderRequest(provider_id=9))).reason == "PROVIDER_NOT_FOUND"
    request = pb.TestProviderRequest(provider_id=1, key_id="key_9")
    assert (await api.refused(request)).reason == "KEY_NOT_FOUND"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_references_are_followed_and_no_key_is_needed_where_none_is(
    api: Api, upstream: Upstream, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`env:` and `file:` are read when the key is used; a missing one is told by its name.

    So is a link that leads out of the folders for secrets.
    """
    monkeypatch.setenv("UPSTREAM_KEY", "good")
    upstream.lists("good", "gpt-4o")
    upstream.lists("", "llama")
    await api.provider(base_url=upstream.url, provider_type="OpenAICompatible")
    assert (await report(api)).models == ["llama"]
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "outside").symlink_to("/etc/passwd")
    await add_keys(api, "env:UPSTREAM_KEY", f"file:{secrets}/nothing", f"file:{secrets}/outside")
    found = await report(api)
    assert found.models == ["gpt-4o"]
    assert "nothing" in found.keys[1].message
    assert "CONDUIT_SECRET_DIRS" in found.keys[2].message


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_variable_that_is_not_allowed_is_sent_nowhere(
    bench: Bench, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though it is there; what the operator allows is."""
    monkeypatch.setenv("UPSTREAM_KEY", "good")
    monkeypatch.setenv("ANOTHER_KEY", "good-for-others")
    upstream.lists("good", "gpt-4o")
    upstream.lists("good-for-others", "gpt-4o")
    async with bench.registry(secret_variables=("UPSTREAM_*",)) as api:
        await api.provider(base_url=upstream.url)
        await add_keys(api, "env:UPSTREAM_KEY", "env:ANOTHER_KEY")
        allowed, refused = (await report(api)).keys
        assert allowed.outcome == connectivity.CONNECTIVITY_OUTCOME_OK
        assert refused.outcome != connectivity.CONNECTIVITY_OUTCOME_OK
        assert "ANOTHER_KEY that keys may name" in refused.message


async def test_discovery_stores_the_models_and_tells_the_difference(
    bench: Bench, upstream: Upstream
) -> None:
    """What stays keeps the time when it was first seen; the list survives a restart."""
    upstream.lists("good", "b", "a", "bad\\u0000name")
    async with bench.registry() as api:
        await api.provider(base_url=upstream.url)
        await add_keys(api, "refused", "good")
        request = pb.DiscoverModelsRequest(provider_id=1)
        first = await api(request)
        assert ([model.name for model in first.models], first.added) == (["a", "b"], ["a", "b"])
        bench.clock.now = NOW + HOUR
        upstream.lists("good", "c", "b")
        second = await api(request)
        assert (second.added, second.removed) == (["c"], ["a"])
        assert "chat" in second.models[0].operations
        seen = [(model.name, model.discovered_at.seconds - NOW) for model in second.models]
        assert seen == [("b", 0), ("c", HOUR)]
    async with bench.registry() as api:
        listed = await api(pb.ListDiscoveredModelsRequest(provider_id=1))
        assert listed.models == second.models
        [entry, *_] = (await api(ListAuditEntriesRequest())).entries
        assert entry.action == AUDIT_ACTION_DISCOVERED


async def test_discovery_fails_as_the_provider_failed(api: Api, upstream: Upstream) -> None:
    """And what was stored stays."""
    upstream.lists("good", "a")
    await api.provider(base_url=upstream.url)
    error = await api.refused(pb.DiscoverModelsRequest(provider_id=1))
    assert error.reason == "INVALID_API_KEY"
    await add_keys(api, "good")
    await api(pb.DiscoverModelsRequest(provider_id=1))
    upstream.answers["good"] = (500, "{}")
    error = await api.refused(pb.DiscoverModelsRequest(provider_id=1))
    assert error.reason == "PROVIDER_ERROR"
    listed = await api(pb.ListDiscoveredModelsRequest(provider_id=1))
    assert [model.name for model in listed.models] == ["a"]


async def test_discovery_runs_when_its_time_has_come(bench: Bench, upstream: Upstream) -> None:
    """At once when enabled, then by the interval, also across restarts; a failure waits shorter."""

    async def asked(api: Api, times: int) -> int:
        await api.process.discovery.run_due()
        # The service's own turn may have come first, and still be under way.
        async with asyncio.timeout(5):
            while len(upstream.tokens) < times:  # noqa: ASYNC110 # nothing to wait on
                await asyncio.sleep(0.01)
        await api.process.discovery.run_due()
        return len(upstream.tokens)

    async def until_found(api: Api, *names: str) -> None:
        request = pb.ListDiscoveredModelsRequest(provider_id=1)
        async with asyncio.timeout(5):
            while [model.name for model in (await api(request)).models] != list(names):  # noqa: ASYNC110 # asked over the wire
                await asyncio.sleep(0.01)

    upstream.lists("good", "a")
    async with bench.registry() as api:
        await api.provider(base_url=upstream.url)
        await add_keys(api, "good")
        assert await asked(api, 0) == 0
        spec = ProviderSpec(enable_model_discovery=True, discovery_interval_hours=2)
        await api(pb.UpdateProviderRequest(id=1, provider=spec))
        await until_found(api, "a")
    async with bench.registry() as api:
        bench.clock.now = NOW + 2 * HOUR - 1
        assert await asked(api, 1) == 1
        upstream.answers["good"] = (500, "{}")
        bench.clock.now = NOW + 2 * HOUR
        assert await asked(api, 2) == 2
        bench.clock.now += HOUR / 4 - 1
        assert await asked(api, 2) == 2
        upstream.lists("good", "b")
        bench.clock.now += 1
        assert await asked(api, 3) == 3
        await until_found(api, "b")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_instances_are_asked_by_the_egress_proxy(bench: Bench, upstream: Upstream) -> None:
    """As calls are: what a test says of an instance holds for them. One that fails is named."""
    upstream.lists("good", "gpt-4o")
    async with serve_proxy() as proxy:
        proxy.known["api.example:80"] = int(upstream.url.split(":")[2].partition("/")[0])
        async with bench.registry(egress=Egress(http=proxy.proxy)) as api:
            await api.provider(base_url="http://api.example/v1")
            await add_keys(api, "good")
            assert (await report(api)).models == ["gpt-4o"]
            await api(pb.DiscoverModelsRequest(provider_id=1))
            line = "GET http://api.example/v1/models HTTP/1.1"
            assert [seen.line for seen in proxy.seen] == [line, line]
            proxy.known.clear()
            failed = await report(api)
    assert not failed.success
