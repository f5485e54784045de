"""Masks that are transparent where an image may change become ones that are white there."""

import random
import tracemalloc

import pytest
from tests.support.masks import brightness, mask, png

from conduit_kernel.errors import InvalidRequest
from conduit_providers.masks import MAX_PIXELS, MAX_SIDE, pure, white_where_transparent

ROWS = [bytes([255, 255, 0, 128]), bytes([255, 0, 0, 3]), bytes([255] * 4), bytes([255] * 4)]
WHITE = [bytes(255 - each for each in row) for row in ROWS]


@pytest.mark.parametrize("kind", range(5))
@pytest.mark.parametrize("colours", [4, 6])
@pytest.mark.parametrize("depth", [8, 16])
def test_what_is_transparent_is_white(kind: int, colours: int, depth: int) -> None:
    """However the rows are filtered, and whatever the colours are."""
    given = mask(ROWS, [kind] * len(ROWS), colours=colours, depth=depth)
    assert brightness(white_where_transparent(given)) == WHITE


def test_any_rows_are_read() -> None:
    """Of noise, with a filter for each row, as encoders choose them."""
    dice = random.Random(7)  # noqa: S311 # any will do
    for _ in range(50):
        width, height = dice.randint(1, 9), dice.randint(1, 9)
        rows = [dice.choice((dice.randbytes(width), bytes(width))) for _ in range(height)]
        given = mask(rows, [dice.randrange(5) for _ in rows])
        expected = [bytes(255 - each for each in row) for row in rows]
        assert brightness(white_where_transparent(given)) == expected


def test_pure_masks_have_two_tones() -> None:
    """What was rather transparent is white, or black where that is what changes."""
    fitted = white_where_transparent(mask(ROWS, [0] * len(ROWS)))
    white = [bytes(255 * (each < 128) for each in row) for row in ROWS]
    black = [bytes(255 - each for each in row) for row in white]
    assert brightness(pure(fitted, is_inverted=False)) == white
    assert brightness(pure(fitted, is_inverted=True)) == black


def test_a_mask_that_changes_nothing_is_refused() -> None:
    """OpenAI refuses it, too; elsewhere, all or nothing would be drawn anew."""
    with pytest.raises(InvalidRequest, match="nowhere transparent"):
        white_where_transparent(mask([bytes([255] * 4)], [0]))


ONE = bytes([0, 9, 9, 9, 0])


@pytest.mark.parametrize(
    "given",
    [
        b"",
        b"\xff\xd8\xff a photograph",
        png(1, 1, ONE)[:20],
        png(1, 1, ONE)[:-28],
        png(1, 1, ONE[:-1]),
        png(1, 1, b"\x05" + ONE[1:]),
        png(1, 1, b"\0\x09\x09\x09", colours=2),
        png(1, 1, ONE, interlace=1),
        png(0, 1, b""),
        png(3841, 2160, b""),
        # As many rows as there may be pixels.
        png(1, MAX_SIDE + 1, b"\0\0\0" * (MAX_SIDE + 1), colours=4),
        png(MAX_SIDE + 1, 1, b"\0" + b"\0\0" * (MAX_SIDE + 1), colours=4),
    ],
)
def test_what_is_no_such_mask_is_refused(given: bytes) -> None:
    """With its member's name, whatever is wrong."""
    with pytest.raises(InvalidRequest) as raised:
        white_where_transparent(given)
    assert raised.value.metadata["field"] == "mask"


def test_the_longest_side_is_read() -> None:
    """In either direction."""
    for width, height in ((1, MAX_SIDE), (MAX_SIDE, 1)):
        given = png(width, height, (b"\0" + b"\0\0" * width) * height, colours=4)
        assert brightness(white_where_transparent(given)) == [b"\xff" * width] * height


def test_a_small_file_does_not_unfold_into_a_large_one() -> None:
    """No more is unpacked than the head says, which is bounded."""
    swollen = png(1, 1, ONE + bytes(300_000_000))
    tracemalloc.start()
    try:
        assert brightness(white_where_transparent(swollen)) == [b"\xff"]
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
    assert MAX_PIXELS == 8_294_400
