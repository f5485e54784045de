"""Forms of Stability AI's services; what they answer is shown by their wire cases."""

from conduit_providers.codecs.stability.drawing import drawing_request, drawn
from conduit_providers.given_images import Picture
from conduit_providers.spec import Endpoint
from conduit_providers.wire import HttpRequest

ENDPOINT = Endpoint("stability_image_edit", "/", headers={"stability-client-id": "c"})
PICTURE = Picture("image/webp", b"WEBP")


def sent(picture: Picture = PICTURE, **members: object) -> HttpRequest:
    """Return the request for some members."""
    return drawing_request("/x", ENDPOINT, members, {"image": picture})


def test_members_are_texts_as_json_has_them() -> None:
    """Numbers and truths that a caller said as such; what is not said is left out."""
    body = sent(prompt="a hat", left=200, fidelity=0.5, is_on=True, mode=None).body
    for name, value in (("prompt", "a hat"), ("left", "200"), ("fidelity", "0.5")):
        assert f'name="{name}"\r\n\r\n{value}\r\n'.encode() in body
    assert b'name="is_on"\r\n\r\ntrue\r\n' in body
    assert b"mode" not in body


def test_pictures_are_files_behind_the_texts() -> None:
    """With a name that has their ending, and their type."""
    request = sent(prompt="a hat")
    head = b'name="image"; filename="image.webp"\r\ncontent-type: image/webp\r\n\r\nWEBP\r\n--'
    assert request.body.index(head) > request.body.index(b"a hat")
    assert ("accept", "application/json") in request.headers
    assert ("stability-client-id", "c") in request.headers


def test_the_boundary_depends_on_all_that_is_sent() -> None:
    """So that nobody can write it into what it parts."""
    boundaries = {
        dict(request.headers)["content-type"]
        for request in (
            sent(prompt="a hat"),
            sent(prompt="a cap"),
            sent(Picture("image/webp", b"WEBP2"), prompt="a hat"),
        )
    }
    assert len(boundaries) == 3


def test_a_seed_of_more_bits_than_numbers_have_is_not_told() -> None:
    """It could not be written."""
    assert drawn("QQ==", 5)["seed"] == 5
    assert "seed" not in drawn("QQ==", 2**70)
