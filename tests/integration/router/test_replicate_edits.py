"""Edits that are predictions of Replicate's, through a router, at a server that plays Replicate."""

from base64 import b64decode, b64encode
from collections.abc import AsyncIterator

import orjson
import pytest
from tests.integration.router.conftest import Bench, Runner
from tests.integration.router.test_inline_edits import MASK, WHITE, edit, form
from tests.support.masks import brightness
from tests.support.replicate_upstream import Replicate, StoredFile, replicate
from tests.support.snapshots import key, mapping, provider, snapshot

from conduit.v1 import charge_pb2
from conduit_kernel.errors import ConduitError, ContentPolicy, UpstreamRateLimited

SMALL = b"\x89PNG\r\n\x1a\nsmall"
LARGE = b"\x89PNG\r\n\x1a\n" + b"\0\r\n" * 400_000
KONTEXT = "black-forest-labs/flux-kontext-pro"
FLUX_2 = "black-forest-labs/flux-2-flex"
FILL = "black-forest-labs/flux-fill-pro"


@pytest.fixture
async def plays() -> AsyncIterator[Replicate]:
    """Run the server."""
    async with replicate() as found:
        yield found


async def run(bench: Runner, plays: Replicate, model: str) -> Bench:
    """Run a router whose only provider is that server."""
    instance = provider(1, f"{plays.address}/v1", provider_type="Replicate")
    route = mapping(1, 1, actual_model_name=model)
    return await bench(snapshot([instance], keys=[key(1, 1)], mappings=[route]))


def data_url(content: bytes) -> str:
    """Return an image as an address."""
    return f"data:image/png;base64,{b64encode(content).decode()}"


async def test_a_small_file_goes_within_the_input(bench: Runner, plays: Replicate) -> None:
    """The prediction is waited for, and the image that came is charged for."""
    router = await run(bench, plays, KONTEXT)
    response = await edit(router, form("image"), SMALL)
    assert orjson.loads(response.json)["data"] == [{"url": f"{plays.address}/out.png"}]
    assert plays.inputs == [
        {"prompt": "a hat", "output_format": "png", "input_image": data_url(SMALL)}
    ]
    assert plays.seen == [f"POST /v1/models/{KONTEXT}/predictions", "GET /v1/predictions/p1"]
    (charge,) = router.charges()
    assert [(line.unit, line.quantity) for line in charge.lines] == [(charge_pb2.UNIT_IMAGE, 1)]


async def test_large_files_are_stored_first(bench: Runner, plays: Replicate) -> None:
    """Each once, with the same key; the small one beside them is not."""
    router = await run(bench, plays, FLUX_2)
    await edit(router, form("image", "image", "image"), LARGE, SMALL, LARGE)
    assert plays.files == [StoredFile("content", "image.png", "image/png", LARGE)]
    stored = f"{plays.address}/v1/files/f1"
    assert plays.inputs[0]["input_images"] == [stored, data_url(SMALL), stored]
    assert plays.keys == {b"Bearer sk-1"}


async def test_a_mask_goes_with_its_image(bench: Runner, plays: Replicate) -> None:
    """White where it was transparent."""
    router = await run(bench, plays, FILL)
    await edit(router, form("image", "mask"), LARGE, MASK)
    (sent,) = plays.inputs
    assert sent["image"] == f"{plays.address}/v1/files/f1"
    scheme, _, encoded = sent["mask"].partition(",")
    assert scheme == "data:image/png;base64"
    assert brightness(b64decode(encoded)) == WHITE


async def test_a_file_that_cannot_be_stored_is_an_error(bench: Runner, plays: Replicate) -> None:
    """Nothing is begun then, and nothing charged for."""
    plays.refuses_files = 429
    router = await run(bench, plays, KONTEXT)
    with pytest.raises(UpstreamRateLimited):
        await edit(router, form("image"), LARGE)
    assert plays.inputs == []


async def test_an_input_that_was_flagged_is_an_error(bench: Runner, plays: Replicate) -> None:
    """The prediction fails, whose beginning was a success."""
    plays.error = "The input or output was flagged as sensitive. Please try again. (E005)"
    router = await run(bench, plays, KONTEXT)
    with pytest.raises(ContentPolicy):
        await edit(router, form("image"), SMALL)


async def test_what_a_model_does_not_take_is_refused(bench: Runner, plays: Replicate) -> None:
    """Before anything is stored or begun."""
    router = await run(bench, plays, KONTEXT)
    for start, files in (
        (form("image", "image"), (LARGE, LARGE)),
        (form("image", "mask"), (LARGE, MASK)),
    ):
        with pytest.raises(ConduitError, match="takes"):
            await edit(router, start, *files)
    assert plays.seen == []
