"""Model aliases as Anthropic lists them."""

from pathlib import Path

import pytest
from tests.support.call_bench import CALLER, Bench
from tests.support.snapshots import compiled, mapping, provider, snapshot

from conduit.v1 import message_requests_pb2 as pb
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.not_found_errors import ModelNotFound
from conduit_router.context import CallerContext
from conduit_router.message_models import MessageModels
from conduit_router.routing.table import Caller

SOURCE = snapshot(
    [provider(1)], mappings=[mapping(i, 1, model_alias=name) for i, name in enumerate("dacb", 1)]
)


@pytest.fixture
def models(tmp_path: Path) -> MessageModels:
    """Return the RPCs, with four aliases."""
    bench = Bench(tmp_path)
    bench.runtime.table = compiled(SOURCE)
    return MessageModels(bench.runtime)


@pytest.mark.parametrize(
    ("members", "ids", "has_more"),
    [
        ({}, "abcd", False),
        ({"limit": 2}, "ab", True),
        ({"limit": 2, "after_id": "b"}, "cd", False),
        ({"limit": 2, "before_id": "d"}, "bc", True),
        ({"limit": 2, "before_id": "c"}, "ab", False),
        ({"after_id": "d"}, "", False),
        ({"after_id": "bb"}, "cd", False),
        ({"limit": 5000}, "abcd", False),
    ],
)
async def test_pages_go_forth_and_back(
    models: MessageModels,
    members: dict[str, object],
    ids: str,
    has_more: bool,  # noqa: FBT001 # a case
) -> None:
    """In order of id; an alias that is gone still has its place."""
    answer = await models.ListMessageModels(pb.ListMessageModelsRequest(**members), CALLER)  # type: ignore[arg-type] # fields of it
    assert "".join(model.id for model in answer.data) == ids
    assert answer.has_more is has_more
    assert (answer.first_id, answer.last_id) == ((ids[0], ids[-1]) if ids else ("", ""))


async def test_a_limit_below_nothing_is_refused(models: MessageModels) -> None:
    """It is no number of models."""
    with pytest.raises(InvalidRequest):
        await models.ListMessageModels(pb.ListMessageModelsRequest(limit=-1), CALLER)


async def test_models_that_a_key_may_not_use_are_not_there(models: MessageModels) -> None:
    """In the list and alone."""
    caller = CallerContext(Caller(1, is_enabled=True, expires_at=1e18, allowed=("a",)), "r", "")
    answer = await models.ListMessageModels(pb.ListMessageModelsRequest(), caller)
    assert [model.id for model in answer.data] == ["a"]
    one = await models.GetMessageModel(pb.GetMessageModelRequest(model="a"), caller)
    assert (one.model.type, one.model.display_name) == ("model", "a")
    assert one.model.created_at.endswith("Z")
    for unknown in ("b", "z"):
        with pytest.raises(ModelNotFound):
            await models.GetMessageModel(pb.GetMessageModelRequest(model=unknown), caller)
