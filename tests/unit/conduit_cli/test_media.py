"""Sound, recordings and pictures between files and a gateway, or what is none."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.gateway_answers import answering

from conduit_cli.gateway import GatewayError
from conduit_cli.media import ending_of, images, numbered, speech, store, transcript

PNG = b"\x89PNG\r\n\x1a\nrest"


def drawn(*pictures: object) -> bytes:
    """Return an answer with pictures."""
    return json.dumps({"data": list(pictures)}).encode()


def test_a_sound_is_written_as_it_comes(tmp_path: Path) -> None:
    """The file is there once it is whole, with its size."""
    sound = b"x" * 200_000
    with answering(200, sound) as gateway:
        path, size = store(speech(gateway, {"input": "hi"}), tmp_path / "a.mp3")
    assert (path.read_bytes(), size) == (sound, len(sound))
    assert [each.name for each in tmp_path.iterdir()] == ["a.mp3"]


def test_a_sound_that_breaks_off_leaves_what_was_there(tmp_path: Path) -> None:
    """Half a sound would look like a whole one."""
    path = tmp_path / "a.mp3"
    path.write_bytes(b"before")
    with answering(200, b"half", 100) as gateway, pytest.raises(OSError, match="broke off"):
        store(speech(gateway, {}), path)
    refusal = b'{"error": {"message": "no", "code": "c"}}'
    with answering(400, refusal) as gateway, pytest.raises(GatewayError, match="no"):
        store(speech(gateway, {}), path)
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("a.mp3", b"before")]


def test_what_cannot_be_written_is_told_by_name(tmp_path: Path) -> None:
    """As the command tells it."""

    def pieces() -> Iterator[bytes]:
        yield b"x"

    with pytest.raises(FileNotFoundError) as raised:
        store(pieces(), tmp_path / "nowhere" / "a.mp3")
    assert raised.value.filename


def test_a_recording_is_sent_as_a_form(tmp_path: Path) -> None:
    """Whatever its name is; the answer is text."""
    file = tmp_path / 'a"b.wav'
    file.write_bytes(b"RIFF" + b"x" * 300_000)
    with answering(200, "grüß dich".encode()) as gateway:
        assert transcript(gateway, file, {"model": "m"}) == "grüß dich"


def test_pictures_come_with_their_kinds() -> None:
    """A file's name ends in what it is."""
    picture = base64.b64encode(PNG).decode()
    with answering(200, drawn({"b64_json": picture}, {"b64_json": picture})) as gateway:
        assert images(gateway, {"prompt": "a cat"}) == [PNG, PNG]
    kinds = {PNG: ".png", b"\xff\xd8\xff\xe0": ".jpg", b"RIFF0000WEBPVP8": ".webp", b"?": ".img"}
    assert {picture: ending_of(picture) for picture in kinds} == kinds
    assert numbered(Path("out/a.png"), 2) == Path("out/a-2.png")


@pytest.mark.parametrize(
    "answer",
    [b"{}", drawn(), drawn({"url": "https://x"}), drawn(1), drawn({"b64_json": "?"}), b"[]"],
)
def test_an_answer_without_pictures_is_no_answer(answer: bytes) -> None:
    """The command tells so in one line."""
    with answering(200, answer) as gateway, pytest.raises(ValueError):  # noqa: PT011 # of several makers
        images(gateway, {})
