"""An attempt's stream on its way to the caller."""

from pathlib import Path

import orjson
import pytest
from tests.support.call_bench import BODY, Bench
from tests.support.scripted_upstream import open_transport, serve
from tests.support.stream_calls import CUT, WHOLE

from conduit_kernel.errors import StreamInterrupted
from conduit_providers.operations.chat import chat_request
from conduit_router.calls.relay import Relay, interruption, open_stream

CHANGED = chat_request(json=BODY.replace(b"hello", b"goodbye"))


async def test_an_attempt_that_is_taken_over_is_charged_for_what_it_used(tmp_path: Path) -> None:
    """Each of both once, and the call ends once."""
    async with serve(CUT, WHOLE) as upstream, open_transport() as transport:
        bench = Bench(tmp_path, transport=transport, base_url=upstream.url)
        with bench.admit(stream=True) as scope:
            attempt = bench.begun(scope)
            stream, _ = await open_stream(scope, attempt)
            with Relay(scope, attempt, stream) as relay:
                relay.give_up(StreamInterrupted("cut"))
                second = bench.begun(scope)
                following, _ = await open_stream(scope, second, CHANGED)
                relay.take_over(second, following)
                while await following.next() is not None:
                    pass
                relay.succeed()
        assert orjson.loads(upstream.bodies[1])["messages"][0]["content"] == "goodbye there"
    charges = bench.records()[0]
    bench.spool.close()
    assert [charge.is_complete for charge in charges] == [False, True]
    assert len(bench.endings) == 1


async def test_a_failure_behind_the_first_events_is_an_interruption(tmp_path: Path) -> None:
    """As a value, for whoever goes on."""
    async with serve(CUT) as upstream, open_transport() as transport:
        bench = Bench(tmp_path, transport=transport, base_url=upstream.url)
        with bench.admit(stream=True) as scope:
            attempt = bench.begun(scope)
            stream, events = await open_stream(scope, attempt)
            with (  # noqa: PT012 # events come until it raises
                pytest.raises(StreamInterrupted),
                Relay(scope, attempt, stream),
            ):
                while events is not None:
                    events = await stream.next()
        found = interruption(stream, ValueError("odd"))
    bench.spool.close()
    assert isinstance(found, StreamInterrupted)
    assert "provider-1" in found.message
