"""Whole answers of images, said as events."""

from functools import partial

import orjson
import pytest

from conduit_kernel.errors import UpstreamError
from conduit_providers.calls import Call
from conduit_providers.codecs.openai.image_answer import read_images
from conduit_providers.codecs.shared import whole_answer
from conduit_providers.codecs.shared.whole_images import WholeImageDecoder
from conduit_providers.operations.image import image_request

CALL = Call(image_request(json=b"{}"), alias="m", model="m", provider="P", created=5)


def decoder() -> WholeImageDecoder:
    """Return the decoder of OpenAI's answers."""
    return WholeImageDecoder(CALL, "image_generation", partial(read_images, call=CALL))


def test_events_come_with_the_end() -> None:
    """However the answer was cut; nothing has finished before."""
    body = b'{"data":[{"b64_json":"QQ=="}],"usage":{"output_tokens":7}}'
    found = decoder()
    assert [found.feed(body[at : at + 1]) for at in range(len(body))] == [None] * len(body)
    assert (found.has_finished, found.done, found.usage) == (False, False, None)
    events = found.close()
    assert events is not None
    assert orjson.loads(events.sse.split(b"data: ")[1])["created_at"] == 5
    assert found.done
    assert found.has_finished
    assert found.emitted == 1
    assert found.usage is not None


def test_a_byte_order_mark_is_passed_over() -> None:
    """Servers on Windows put one before their answers."""
    found = decoder()
    found.feed(b"\xef\xbb")
    found.feed(b'\xbf{"data":[{"b64_json":"QQ=="}]}')
    events = found.close()
    assert events is not None
    assert orjson.loads(events.sse.split(b"data: ")[1])["b64_json"] == "QQ=="


@pytest.mark.parametrize("answer", [b'{"data":[{"b64', b'{"data":[{"url":"x"}],"a":1e999}'])
def test_what_makes_no_sense_is_an_error(answer: bytes) -> None:
    """Nothing was handed out, so that another candidate may do better."""
    found = decoder()
    found.feed(answer)
    with pytest.raises(UpstreamError):
        found.close()


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """As that of whole answers is."""
    monkeypatch.setattr(whole_answer, "MAX_ANSWER_BYTES", 10)
    with pytest.raises(UpstreamError):
        decoder().feed(b"x" * 11)
