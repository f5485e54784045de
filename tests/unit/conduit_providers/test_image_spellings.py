"""Images of wishes in JSON, however they are spelled."""

import base64

import orjson
import pytest

from conduit_providers.image_spellings import with_usual_images

URL = "https://images.example.com/a.png"
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"rest" * 20).decode()
DATA = f"data:image/png;base64,{PNG}"
USUAL = {"image_url": URL}


def read(**members: object) -> dict[str, object]:
    """Return the members of a wish as providers are sent them."""
    wish = {"model": "m", "prompt": "a hat", **members}
    found: dict[str, object] = orjson.loads(with_usual_images(orjson.dumps(wish)))
    assert (found.pop("model"), found.pop("prompt")) == ("m", "a hat")
    return found


@pytest.mark.parametrize(
    ("given", "images"),
    [
        (URL, [USUAL]),
        (DATA, [{"image_url": DATA}]),
        (PNG, [{"image_url": DATA}]),
        ("file-abc", [{"file_id": "file-abc"}]),
        ([URL, DATA], [USUAL, {"image_url": DATA}]),
        (USUAL, [USUAL]),
        ([USUAL, URL], [USUAL, USUAL]),
        ({"file_id": "file-abc"}, [{"file_id": "file-abc"}]),
        ({"type": "image_url", "image_url": {"url": URL, "detail": "high"}}, [USUAL]),
        ({"type": "image_url", "url": URL}, [USUAL]),
        ({"b64_json": PNG}, [{"image_url": DATA}]),
        ({"image_url": PNG}, [{"image_url": DATA}]),
    ],
)
@pytest.mark.parametrize("name", ["image", "images"])
def test_every_spelling_becomes_openais(name: str, given: object, images: object) -> None:
    """Under either name: one image, several, texts and objects."""
    assert read(**{name: given}) == {"images": images}


def test_mask_is_an_image_like_others() -> None:
    """A text, or an object in another shape."""
    assert read(images=[USUAL], mask=URL) == {"images": [USUAL], "mask": USUAL}
    assert read(images=[USUAL], mask={"url": URL})["mask"] == USUAL


def test_usual_wish_is_passed_on_byte_for_byte() -> None:
    """So is what is no wish: its reader says what is wrong with it."""
    for body in (
        b'{"model": "m", "images": [{"image_url": "https://x/a.png"}], "seed": 1.0}',
        b'{"model": "m", "image": null, "images":[{"file_id":"file-1"}], "mask": null}',
        b'{"model": "m"}',
        b'{"model": "m", "image": null}',
        b"[]",
        b"{",
        b'{"image": "\xff"}',
        b'{"image": ' + b"[" * 5000,
    ):
        assert with_usual_images(body) == body


def test_other_members_stay_as_they_were_written() -> None:
    """Numbers too."""
    body = with_usual_images(b'{"model": "m", "image": "https://x/a.png", "seed": 1.0}')
    assert body == b'{"model":"m","seed":1.0,"images":[{"image_url":"https://x/a.png"}]}'


@pytest.mark.parametrize("given", [7, True, {"b": 1}, "hello", "", [None], {"image_url": 7}])
def test_what_nobody_knows_is_left_to_be_refused(given: object) -> None:
    """Under the name that the contract has."""
    images = given if isinstance(given, list) else [given]
    told = [{"image_url": each} if isinstance(each, str) else each for each in images]
    assert read(image=given) == {"images": told}
