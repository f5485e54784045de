"""Model aliases as Google lists them."""

from pathlib import Path

import pytest
from tests.support.call_bench import CALLER, Bench
from tests.support.snapshots import compiled, mapping, provider, snapshot

from conduit.v1 import content_requests_pb2 as pb
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.not_found_errors import ModelNotFound
from conduit_router.content_models import ContentModels

SOURCE = snapshot(
    [provider(1)], mappings=[mapping(i, 1, model_alias=name) for i, name in enumerate("dacb", 1)]
)


@pytest.fixture
def models(tmp_path: Path) -> ContentModels:
    """Return the RPCs, with four aliases."""
    bench = Bench(tmp_path)
    bench.runtime.table = compiled(SOURCE)
    return ContentModels(bench.runtime)


async def test_pages_follow_each_other(models: ContentModels) -> None:
    """In order of the aliases, to the last one."""
    found, token = list[str](), ""
    for _ in range(2):
        asked = pb.ListContentModelsRequest(page_size=2, page_token=token)
        answer = await models.ListContentModels(asked, CALLER)
        found += [model.name for model in answer.models]
        token = answer.next_page_token
    assert found == ["models/a", "models/b", "models/c", "models/d"]
    assert not token


@pytest.mark.parametrize("size", [-1, 1001])
async def test_sizes_out_of_bounds_are_refused(models: ContentModels, size: int) -> None:
    """They are no number of models."""
    with pytest.raises(InvalidRequest):
        await models.ListContentModels(pb.ListContentModelsRequest(page_size=size), CALLER)


async def test_one_model_is_shown_by_its_alias(models: ContentModels) -> None:
    """Nobody else's."""
    found = await models.GetContentModel(pb.GetContentModelRequest(model="a"), CALLER)
    assert (found.model.name, found.model.display_name) == ("models/a", "a")
    assert "generateContent" in found.model.supported_generation_methods
    with pytest.raises(ModelNotFound):
        await models.GetContentModel(pb.GetContentModelRequest(model="x"), CALLER)
