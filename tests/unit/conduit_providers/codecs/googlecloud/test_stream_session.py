"""A live session of Google Cloud's; what is said in one is in wire cases and on real sockets."""

from base64 import b64encode

import orjson
from tests.support.session_cases import SessionReplay, session_cases

from conduit.v1 import converse_requests_pb2 as pb
from conduit_providers.codecs.googlecloud.stream_session import SOFT_MILLISECONDS
from conduit_providers.session_codec import Step
from conduit_providers.wire import GrpcStreamRequest

SECOND = b64encode(bytes(48_000)).decode()


def test_another_call_takes_over_in_a_pause_before_the_time_is_up() -> None:
    """Once, and it is told again what is to be heard."""
    case = next(each for each in session_cases() if each.owner == "GoogleCloud")
    replay = SessionReplay(case)
    translator, messages = replay.translator(), replay.messages()
    first = translator.first_steps()[0]
    event = messages.event_of(
        pb.ConverseRequest(
            json=orjson.dumps({"type": "input_audio_buffer.append", "audio": SECOND})
        )
    )
    steps: list[Step] = []
    for _ in range(SOFT_MILLISECONDS // 1000 + 20):
        steps += translator.to_upstream(event)
    opened = [at for at, step in enumerate(steps) if isinstance(step, GrpcStreamRequest)]
    assert len(opened) == 1
    assert steps[opened[0] + 1] == first
