"""Which parts of an answer are kept, and where the media in them come from."""

import pytest

from conduit.v1.chat_message_pb2 import ReasoningDetail
from conduit_providers.codecs.gemini.answer import Part
from conduit_providers.codecs.gemini.kept_parts import (
    KeptParts,
    media_again,
    part_in,
    picture,
    put_part,
)

CODE = {"executableCode": {"code": "1"}}
RED = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}


def test_thoughts_a_text_and_calls_are_not_kept() -> None:
    """OpenAI's form tells them, and their order."""
    kept = KeptParts()
    assert kept.add_thought() == []
    assert kept.add_text(Part("a")) == []
    assert kept.add_text(Part("b")) == []
    assert kept.add_text(Part("", thought_signature="s")) == []
    assert kept.add_call("c") == []
    assert kept.end() == []


def test_what_stands_before_a_tools_use_is_kept_with_it() -> None:
    """Pieces of one text are one part."""
    kept = KeptParts()
    kept.add_text(Part("a"))
    kept.add_text(Part("b"))
    kept.add_call("c")
    before = [{"text": "ab"}, {"functionCall": {"id": "c"}}]
    assert kept.add_native(CODE) == [*before, CODE]
    assert kept.add_text(Part("c")) == []
    assert kept.end() == [{"text": "c"}]


def test_a_text_behind_a_sealed_one_is_another_part() -> None:
    """A seal is of its own part alone."""
    kept = KeptParts()
    kept.add_text(Part("a", thought_signature="s"))
    assert kept.add_text(Part("b")) == [{"text": "a", "thoughtSignature": "s"}]
    assert kept.end() == [{"text": "b"}]


def test_a_thought_behind_a_text_shows_the_order() -> None:
    """The text goes before it."""
    kept = KeptParts()
    kept.add_text(Part("a"))
    assert kept.add_thought() == [{"text": "a"}]


def test_media_are_told_by_their_place_in_the_message() -> None:
    """Pictures and others are counted apart; their seals stay with them."""
    kept, sealed = KeptParts(), Part(thought_signature="s")
    assert kept.add_media(Part(), is_image=True) == [{"inlineData": {"image": 0}}]
    assert kept.add_media(Part(), is_image=False) == [{"inlineData": {"part": 0}}]
    again = [{"inlineData": {"image": 1}, "thoughtSignature": "s"}]
    assert kept.add_media(sealed, is_image=True) == again


def test_media_come_back_from_the_message() -> None:
    """With what else is said of them."""
    red = {"inlineData": {"mimeType": "image/png", "data": "AA=="}}
    part = {"inlineData": {"image": 0}, "thoughtSignature": "s"}
    assert media_again(part, [RED], []) == {**red, "thoughtSignature": "s"}
    assert media_again({"inlineData": {"part": 0}}, [], [CODE]) == CODE


@pytest.mark.parametrize("place", [{"image": 1}, {"part": 0}, {"image": -1}, {"image": "0"}, 7, {}])
def test_media_that_the_message_has_no_more_are_left_out(place: object) -> None:
    """Whatever a caller made of them."""
    assert media_again({"inlineData": place}, [RED], []) is None


@pytest.mark.parametrize(
    "image", [None, {}, {"image_url": "x"}, {"image_url": {"url": "http://x"}}]
)
def test_a_picture_that_is_elsewhere_is_none(image: object) -> None:
    """Only what is in the message itself can be sent."""
    assert picture(image) is None


def test_a_part_comes_back_as_it_was_put() -> None:
    """In a detail of its own form."""
    detail = ReasoningDetail()
    put_part(detail, CODE, 2)
    assert (part_in(detail), detail.index) == (CODE, 2)
    assert part_in(ReasoningDetail(format="google-gemini-v1", data="{}")) is None
