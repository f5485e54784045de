"""The Router's RPCs: who is known to them, and what is not done is refused in its own way."""

from collections.abc import Callable
from pathlib import Path

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from tests.support.call_bench import Bench
from tests.support.credentials import Metadata, admin_metadata
from tests.support.router_edge import RouterEdge
from tests.support.session_bench import PATIENT
from tests.support.snapshots import (
    ENCRYPTION_KEY,
    VIRTUAL_KEY,
    compiled,
    first,
    provider,
    snapshot,
    virtual_key,
)

from conduit.v1 import router_requests_pb2 as pb
from conduit.v1.voice_requests_pb2 import DeleteVoiceRequest
from conduit_kernel.auth_errors import MasterKeyInvalid, MasterKeyMissing
from conduit_kernel.errors import (
    ConduitError,
    NotImplementedYet,
    ServiceUnavailable,
    VirtualKeyDisabled,
    VirtualKeyInvalid,
    VirtualKeyMissing,
)
from conduit_kernel.http import SpillSpace
from conduit_kernel.ids import IdSource
from conduit_kernel.secrets import Vault
from conduit_router.routing.table import EMPTY_TABLE
from conduit_router.service import RouterStub
from conduit_router.virtual_keys import VirtualKeys

NOW = 1000.0
SOURCE = snapshot(
    [provider(1)],
    virtual_keys=[
        virtual_key(),
        virtual_key("condt_off", 2, is_enabled=False),
        virtual_key("condt_old", 3, expires_at=Timestamp(seconds=999)),
    ],
)
Make = Callable[[], RouterStub]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Return a runtime with a table of one instance."""
    made = Bench(tmp_path)
    made.runtime.table = compiled(SOURCE)
    return made


@pytest.fixture
def stub(bench: Bench) -> RouterStub:
    """Return the Router's RPCs."""
    keys = VirtualKeys(Vault(ENCRYPTION_KEY), lambda: NOW)
    keys.apply(first(bench.runtime.table))
    return RouterStub(bench.runtime, keys, IdSource(lambda: NOW), SpillSpace(bench.folder), PATIENT)


@pytest.fixture
def edge(stub: RouterStub) -> RouterEdge:
    """Return them as an edge calls them, for callers that show a credential."""
    return RouterEdge(stub, "master")


@pytest.mark.parametrize(
    ("authorization", "error"),
    [
        ("", VirtualKeyMissing),
        ("Bearer", VirtualKeyMissing),
        (f"Basic {VIRTUAL_KEY}", VirtualKeyMissing),
        ("Bearer condt_other", VirtualKeyInvalid),
        ("Bearer \xff\x00", VirtualKeyInvalid),
        ("Bearer condt_off", VirtualKeyDisabled),
        ("Bearer condt_old", VirtualKeyDisabled),
    ],
    ids=["none", "empty", "no bearer", "unknown", "malformed", "disabled", "expired"],
)
async def test_a_key_that_is_no_good_is_refused(
    stub: RouterStub, edge: RouterEdge, authorization: str, error: type[ConduitError]
) -> None:
    """By the Router, which alone knows keys, and so at its edges."""
    with pytest.raises(error):
        stub.identify(authorization)
    with pytest.raises(error):
        await edge.ListModels(pb.ListModelsRequest(), (("authorization", authorization),))


async def test_nobody_is_refused_for_a_key_that_cannot_be_known_yet(bench: Bench) -> None:
    """Without a configuration each key is unknown, which is not the key's fault."""
    bench.runtime.table = EMPTY_TABLE
    keys = VirtualKeys(Vault(ENCRYPTION_KEY), lambda: NOW)
    stub = RouterStub(bench.runtime, keys, IdSource(lambda: NOW), SpillSpace(bench.folder), PATIENT)
    assert not stub.is_ready
    with pytest.raises(ServiceUnavailable):
        await RouterEdge(stub, "master").ListModels(
            pb.ListModelsRequest(), (("authorization", "Bearer condt_x"),)
        )


@pytest.mark.parametrize(
    ("metadata", "error"),
    [
        ((), MasterKeyMissing),
        ((("x-master-key", "wrong"),), MasterKeyInvalid),
        ((("authorization", f"Bearer {VIRTUAL_KEY}"),), MasterKeyMissing),
    ],
    ids=["none", "wrong", "a virtual key"],
)
async def test_explanations_are_the_operators(
    edge: RouterEdge, metadata: Metadata, error: type[ConduitError]
) -> None:
    """They name providers and keys, which no caller is to know."""
    with pytest.raises(error):
        await edge.ExplainRoute(pb.ExplainRouteRequest(model="gpt"), metadata)
    answer = await edge.ExplainRoute(pb.ExplainRouteRequest(model="gpt"), admin_metadata("master"))
    assert len(answer.decision.candidates) == 1


async def test_what_is_not_done_yet_says_so(stub: RouterStub, edge: RouterEdge) -> None:
    """And makes no plain call."""
    metadata = (("authorization", f"Bearer {VIRTUAL_KEY}"),)
    with pytest.raises(NotImplementedYet):
        await edge.DeleteVoice(DeleteVoiceRequest(id="voice_1"), metadata)
    assert stub.plain_rpc("DeleteVoice") is None


def test_an_rpc_that_the_contract_lacks_is_no_attribute(stub: RouterStub) -> None:
    """As of any object; `plain_rpc` of it is none."""
    assert not hasattr(stub, "Sing")
    assert stub.plain_rpc("Sing") is None
