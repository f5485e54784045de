"""An answer, read as it comes, without a socket."""

import asyncio

import pytest
from tests.support.clock import settle

from conduit_kernel.http import BodyCut, BodyTooLarge, ConnectionReset, Response, Timeouts
from conduit_kernel.http.wake_slot import WakeSlot


class Connection:
    """What a response comes from: brings bytes when told, and counts what it is asked to do."""

    def __init__(self, *, used: bool = False) -> None:
        self.wake_slot = WakeSlot(asyncio.get_running_loop())
        self.used = used
        self.answered = False
        self.buffered = 0
        self.timeouts = Timeouts()
        self.resumed = 0
        self.dropped = 0
        self.response = Response(self, [])

    def resume(self) -> None:
        """Count it."""
        self.resumed += 1

    def drop(self) -> None:
        """Count it."""
        self.dropped += 1

    def bring(self, *parts: bytes) -> None:
        """Let some of the body arrive."""
        self.response.parts.extend(parts)
        self.buffered += sum(map(len, parts))
        self.wake_slot.wake()

    def end(self, error: BodyCut | ConnectionReset | None = None) -> None:
        """Let the answer end."""
        self.response.done = True
        self.response.error = error
        self.wake_slot.wake()


async def test_what_arrived_is_given_in_one_piece() -> None:
    """As soon as there is any; then the end, as often as it is asked for."""
    connection = Connection()
    reading = asyncio.ensure_future(connection.response.next())
    await settle()
    assert not reading.done()
    connection.bring(b"ab", b"c")
    assert await reading == b"abc"
    assert connection.buffered == 0
    connection.end()
    assert [await connection.response.next() for _ in range(2)] == [b"", b""]


async def test_what_came_before_an_error_is_given_first() -> None:
    """Then the error, each time."""
    connection = Connection()
    connection.bring(b"ab")
    connection.end(BodyCut("cut"))
    assert await connection.response.next() == b"ab"
    for _ in range(2):
        with pytest.raises(BodyCut):
            await connection.response.next()


async def test_a_held_connection_goes_on_once_its_bytes_are_taken() -> None:
    """Once, and not when nothing is to come any more."""
    connection = Connection()
    connection.bring(b"a")
    connection.response.paused = True
    assert connection.response.take() == b"a"
    connection.bring(b"b")
    assert connection.response.take() == b"b"
    assert connection.resumed == 1
    connection.bring(b"c")
    connection.response.paused = True
    connection.end()
    assert connection.response.take() == b"c"
    assert connection.resumed == 1


async def test_a_body_larger_than_its_reader_takes_ends_the_connection() -> None:
    """Though more of it may never come."""
    connection = Connection()
    connection.bring(b"x" * 10)
    with pytest.raises(BodyTooLarge):
        await connection.response.read(9)
    assert connection.dropped == 1
    whole = Connection()
    whole.bring(b"x" * 10)
    whole.end()
    assert await whole.response.read(10) == b"x" * 10


async def test_a_body_that_has_come_whole_needs_no_waiting() -> None:
    """One that has not, or that broke off, must be read."""
    connection = Connection()
    connection.bring(b"a", b"b")
    assert connection.response.take_whole(10) is None
    connection.end()
    with pytest.raises(BodyTooLarge):
        Response.take_whole(copy_of(connection), 1)
    assert connection.response.take_whole(10) == b"ab"
    assert connection.response.take_whole(10) == b""
    broken = Connection()
    broken.end(BodyCut("cut"))
    assert broken.response.take_whole(10) is None


def copy_of(connection: Connection) -> Response:
    """Make another response that has come as far."""
    made = Response(connection, connection.response.parts.copy())
    made.done = connection.response.done
    return made


async def test_closing_drops_a_connection_that_is_not_done() -> None:
    """Once, and nothing that came later is handed out; of a whole answer it is kept."""
    connection = Connection()
    connection.bring(b"ab")
    connection.response.close()
    connection.response.close()
    assert connection.dropped == 1
    with pytest.raises(BodyCut):
        await connection.response.next()
    whole = Connection()
    whole.end()
    whole.response.close()
    assert whole.dropped == 0


@pytest.mark.parametrize(
    ("used", "answered", "error", "expected"),
    [
        (True, False, ConnectionReset("gone"), True),
        (False, False, ConnectionReset("gone"), False),
        (True, True, ConnectionReset("gone"), False),
        (True, False, BodyCut("gone"), False),
        (True, False, None, False),
    ],
)
async def test_only_a_kept_connection_without_a_byte_of_an_answer_was_stale(
    error: ConnectionReset | BodyCut | None, *, used: bool, answered: bool, expected: bool
) -> None:
    """Any other request may have been carried out."""
    connection = Connection(used=used)
    connection.answered = answered
    connection.end(error)
    assert connection.response.was_stale is expected


class Covering:
    """Covers one secret."""

    SECRET = b"secret7"

    def covered(self, data: bytes) -> bytes:
        """Replace it."""
        return data.replace(self.SECRET, b"*******")

    def unfinished(self, data: bytes) -> int:
        """Look for its beginning."""
        sizes = range(len(self.SECRET) - 1, 0, -1)
        return next((size for size in sizes if data.endswith(self.SECRET[:size])), 0)


@pytest.mark.parametrize("cut", range(1, 13))
async def test_a_secret_is_covered_wherever_it_is_cut(cut: int) -> None:
    """What may be its beginning is held back until the rest is there, or nothing more comes."""
    connection, body = Connection(), b"a secret7 sec"
    response = connection.response
    response.redactor = Covering()
    reading = asyncio.ensure_future(response.read(100))
    for part in (body[:cut], body[cut:]):
        connection.bring(part)
        await settle()
    assert not reading.done()
    connection.end()
    assert await reading == b"a ******* sec"


async def test_what_is_held_back_is_no_end() -> None:
    """Whoever takes what is there gets nothing yet; whoever waits goes on waiting."""
    connection = Connection()
    connection.response.redactor = Covering()
    connection.bring(b"secr")
    assert connection.response.take() == b""
    reading = asyncio.ensure_future(connection.response.next())
    await settle()
    assert not reading.done()
    connection.bring(b"et.")
    assert await reading == b"secret."


async def test_what_is_held_back_comes_before_an_error() -> None:
    """As all that came before it."""
    connection = Connection()
    connection.response.redactor = Covering()
    connection.bring(b"x sec")
    assert await connection.response.next() == b"x "
    connection.end(BodyCut("cut"))
    assert await connection.response.next() == b"sec"
    with pytest.raises(BodyCut):
        await connection.response.next()


async def test_a_whole_body_is_covered_at_once() -> None:
    """As most are there with their head."""
    connection = Connection()
    connection.response.redactor = Covering()
    connection.bring(b"a sec", b"ret7")
    connection.end()
    assert connection.response.take_whole(100) == b"a *******"
