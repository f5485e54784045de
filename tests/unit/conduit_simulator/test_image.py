"""Pictures of the simulator: real ones, of the size that was asked for, the same for a prompt."""

import struct
import zlib

import orjson
import pytest

from conduit_simulator.errors import ApiError
from conduit_simulator.image import image_events, image_list, picture
from conduit_simulator.requests import ImageEditRequest, ImageRequest

CREATED = 1_795_435_200


def test_a_picture_is_a_png_of_its_size() -> None:
    """Each row has its filter and three bytes a pixel; the sums of all parts are right."""
    png = picture("a red bicycle", 20, 10)
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    at, parts = 8, {}
    while at < len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        name, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        (checked,) = struct.unpack(">I", png[at + 8 + size : at + 12 + size])
        assert checked == zlib.crc32(name + data)
        parts[name] = data
        at += 12 + size
    assert struct.unpack(">II", parts[b"IHDR"][:8]) == (20, 10)
    assert len(zlib.decompress(parts[b"IDAT"])) == 10 * (1 + 3 * 20)


def test_a_prompt_has_its_own_picture() -> None:
    """Tests can tell images apart, and compare them."""
    assert picture("a", 8, 8) == picture("a", 8, 8) != picture("b", 8, 8)


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"size": "0x10"}, "size"),
        ({"size": "4096x16"}, "size"),
        ({"size": "large"}, "size"),
        ({"quality": "hd"}, "quality"),
    ],
)
def test_what_cannot_be_drawn_is_refused(members: dict[str, str], param: str) -> None:
    """With the parameter's name, as OpenAI does, and before the first event."""
    request = ImageRequest("image", "p", **members)  # type: ignore[arg-type] # texts all
    for answer in (image_list, image_events):
        with pytest.raises(ApiError) as raised:
            answer(request, CREATED)
        assert orjson.loads(raised.value.body())["error"]["param"] == param


def test_events_are_drafts_and_then_the_image() -> None:
    """Of each of two images."""
    request = ImageRequest("image", "p", n=2, size="8x8", partial_images=1)
    kinds = [event.split(b"\n")[0] for event in image_events(request, CREATED)]
    draft, whole = b"event: image_generation.partial_image", b"event: image_generation.completed"
    assert kinds == [draft, whole, draft, whole]


def test_images_that_are_changed_are_read() -> None:
    """Each of them counts."""
    edit = ImageEditRequest("image", "p", size="8x8", images=[1, 2])
    usage = orjson.loads(image_list(edit, CREATED))["usage"]
    assert usage["input_tokens_details"] == {"text_tokens": 1, "image_tokens": 646}
    assert next(image_events(edit, CREATED)).startswith(b"event: image_edit.completed")
