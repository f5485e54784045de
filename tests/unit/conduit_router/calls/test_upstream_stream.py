"""What the failure of a stream says, once some of it was handed out."""

import asyncio
from typing import Any, cast

import pytest

from conduit_kernel.errors import ConduitError, StreamInterrupted, UpstreamRateLimited
from conduit_kernel.http import BodyCut, IdleTimeout, Origin
from conduit_providers.auth import signer_for
from conduit_providers.redaction import Redactor
from conduit_providers.spec import Auth
from conduit_providers.target import Target
from conduit_router.calls.upstream_stream import UpstreamStream, first_events
from conduit_router.routing.table import UpstreamTarget

SECRET = "hunter2/team.key"
TARGET = Target("Prod", "OpenAI", "https://api.example/v1")
UPSTREAM = UpstreamTarget(
    key_id="key_1",
    target=TARGET,
    signer=signer_for(Auth("bearer", ""), SECRET, TARGET),
    origin=Origin("https", "api.example", 443),
    base_path="/v1",
    is_guarded=True,
    redactor=Redactor(SECRET),
)


def interruption(error: Exception) -> ConduitError:
    """Return what a failure becomes."""
    # Neither is looked at: nothing more is read of a stream that failed.
    stream = UpstreamStream(UPSTREAM, cast("Any", None), cast("Any", None), idle=1.0)
    with pytest.raises(StreamInterrupted) as raised:
        stream.interrupted(error)
    return raised.value


@pytest.mark.parametrize(
    "error",
    [
        UpstreamRateLimited(f"Slow down, {SECRET}"),
        StreamInterrupted(f"It broke at {SECRET}", upstream_code=SECRET),
    ],
)
def test_the_keys_value_is_in_no_interruption(error: ConduitError) -> None:
    """Whether the provider told of it in an event, or the stream made no sense."""
    told = interruption(error)
    assert SECRET not in f"{told} {told.message} {told.metadata}"
    assert "[redacted]" in told.message


def test_a_cut_is_an_interruption_that_names_the_provider() -> None:
    """Not the connection, of which callers know nothing."""
    assert interruption(BodyCut("10.0.0.1:443 ended")).message == "The stream from Prod was cut"


class Heads:
    """Events that only say who will speak, and count what is copied when they are joined."""

    copied = 0

    def __init__(self, text: bytes, *, is_head: bool = True) -> None:
        self.text = text
        self.size = 1
        self.is_head = is_head

    def with_more(self, following: "Heads") -> "Heads":
        """Return both."""
        joined = Heads(self.text + following.text)
        Heads.copied += len(joined.text)
        return joined


class Scripted(UpstreamStream):
    """A stream of which so many pieces have arrived; the others come when they are waited for."""

    def __init__(self, pieces: list[Heads], arrived: int = 0) -> None:
        super().__init__(UPSTREAM, cast("Any", None), cast("Any", None), idle=1.0)
        self._pieces = iter(pieces)
        self._arrived = arrived
        self.waited = 0

    def at_hand(self) -> Heads | None:
        """Return the next piece, if it has arrived."""
        self._arrived -= 1
        return next(self._pieces, None) if self._arrived >= 0 else None

    async def next(self) -> Heads | None:
        """Return the next piece."""
        self.waited += 1
        return next(self._pieces, None)


class Pinging:
    """An answer whose first word is there; then nothing comes but what says nothing."""

    done = False
    headers = ()

    def __init__(self) -> None:
        self.parts = [b"word"]

    def take(self) -> bytes:
        """Return what has arrived."""
        return self.parts.pop()

    @property
    def wake_slot(self) -> Any:  # noqa: ANN401 # what can be awaited
        """Wait for the next sign of life."""
        return self._wait()

    async def _wait(self) -> None:
        await asyncio.sleep(0.005)
        self.parts.append(b"ping")


class Words:
    """Makes an event of each piece; pings are heads."""

    done = has_finished = False

    def feed(self, data: bytes) -> Heads:
        """Return the event."""
        return Heads(data, is_head=data == b"ping")


async def test_an_answer_that_does_not_go_on_behind_its_first_word_is_interrupted() -> None:
    """Also where that word had come with the head: signs of life have an end."""
    answer: Any = Pinging()
    decoder: Any = Words()
    stream = UpstreamStream(UPSTREAM, answer, decoder, idle=0.02)
    assert (await first_events(stream, 60)).text == b"word"

    async def read() -> None:
        async with asyncio.timeout(10):
            while await stream.next():
                pass

    with pytest.raises(IdleTimeout, match="only signs of life"):
        await read()


@pytest.mark.parametrize("arrived", [0, 1])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 1000, 1025])
async def test_heads_are_joined_in_order_with_what_follows_them(count: int, arrived: int) -> None:
    """Each is copied a few times, not once for each that follows."""
    texts = [b"%d," % place for place in range(count)]
    pieces = [Heads(text, is_head=place < count - 1) for place, text in enumerate(texts)]
    Heads.copied = 0
    found = await first_events(Scripted(pieces, arrived), 60)
    assert (found.text if found else b"") == b"".join(texts)
    assert Heads.copied <= len(b"".join(texts)) * 11


async def test_what_has_arrived_is_not_waited_for() -> None:
    """Unless it says nothing yet."""
    said = Scripted([Heads(b"said", is_head=False), Heads(b"more")], arrived=1)
    assert (await first_events(said, 0)).text == b"said"
    assert said.waited == 0
    silent = Scripted([Heads(b"head,"), Heads(b"said", is_head=False)], arrived=1)
    assert (await first_events(silent, 60)).text == b"head,said"
    assert silent.waited == 1
