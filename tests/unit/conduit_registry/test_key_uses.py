"""Uses of keys are in the audit log where a provider's level asks for it."""

import structlog
from google.protobuf.json_format import MessageToDict
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.support.registry import NOW, Api, Bench
from tests.unit.conduit_registry.conftest import Edit

from conduit.internal.v1.snapshot_service_pb2 import KeyUse, ReportKeyUseRequest
from conduit.v1.audit_entry_pb2 import AUDIT_ACTION_USED
from conduit.v1.key_credential_pb2 import KeyCredentialSpec
from conduit.v1.key_credential_requests_pb2 import CreateKeyCredentialRequest
from conduit.v1.provider_pb2 import AUDIT_LEVEL_BASIC, AUDIT_LEVEL_FULL, ProviderSecurity
from conduit.v1.registry_requests_pb2 import ListAuditEntriesRequest, VerifyAuditLogRequest
from conduit_kernel.pagination import Page
from conduit_registry.key_uses import KeyUseLog
from conduit_registry.store import Store


async def add(api: Api, name: str, level: int) -> str:
    """Make an instance of an audit level, with a key; return the key's id."""
    rules = ProviderSecurity(audit_level=level)  # type: ignore[arg-type] # one of the two
    provider = await api.provider(name, security=rules)
    spec = KeyCredentialSpec(api_key="sk-0123456789")
    request = CreateKeyCredentialRequest(provider_id=provider.id, key=spec)
    return str((await api(request)).key.id)


async def test_a_key_has_a_line_of_what_all_routers_used_it_for(bench: Bench) -> None:
    """Only at level Full; what was not written when the Registry ends is written then."""
    async with bench.registry() as api:
        full = await add(api, "Full", AUDIT_LEVEL_FULL)
        basic = await add(api, "Basic", AUDIT_LEVEL_BASIC)
        at = Timestamp(seconds=int(NOW))
        for count in (3, 4):
            uses = [KeyUse(key_id=each, used_at=at, count=count) for each in (full, basic, "key_9")]
            await api(ReportKeyUseRequest(uses=uses))
        assert not (await api(ListAuditEntriesRequest(action=AUDIT_ACTION_USED))).entries
    async with bench.registry() as api:
        [entry] = (await api(ListAuditEntriesRequest(action=AUDIT_ACTION_USED))).entries
        assert (await api(VerifyAuditLogRequest())).is_whole
    assert (entry.resource_kind, entry.resource_id, entry.actor) == (
        "key",
        full,
        "registry-key-use",
    )
    assert MessageToDict(entry.changes) == {"requests": 7}


async def test_what_the_database_refuses_is_counted_on(
    store: Store, edit: Edit, bench: Bench, engine: AsyncEngine
) -> None:
    """Unless the process ends meanwhile, which its log says."""
    async with edit() as editor:
        await editor.create_provider(
            {"name": "Full", "provider_type": "OpenAI", "audit_level": AUDIT_LEVEL_FULL}
        )
        await editor.create_key(1, {"api_key": "sk-0123456789"})
    log = KeyUseLog(store)
    log.count({1: 2})
    path = bench.settings.data_dir / "registry.db"
    await engine.dispose()
    hidden = path.rename(path.with_suffix(".away"))
    path.mkdir()
    with structlog.testing.capture_logs() as lines:
        await log.write_last()
    assert [each["count"] for each in lines if each["event"] == "key_uses_lost"] == [2]
    path.rmdir()
    hidden.rename(path)
    log.count({1: 3})
    await log.write()
    async with store.read() as reading:
        [entry, *_] = await reading.audit_page(Page(1, 0, ""))
    assert entry.changes == {"requests": 5}
