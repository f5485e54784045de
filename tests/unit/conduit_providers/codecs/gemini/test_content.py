"""Requests of generateContent that pass to Gemini, and from there, as they are."""

from typing import Any

import orjson
import pytest
from tests.support.replays import CATALOG, data_in

from conduit_kernel.errors import ContentPolicy, StreamInterrupted, UpstreamError
from conduit_providers.calls import Call
from conduit_providers.codecs.gemini.content import CODEC
from conduit_providers.inbound.content_form import content_request, with_model
from conduit_providers.inbound.content_signatures import sealed_in, signature_of
from conduit_providers.inbound.content_to_chat import OWN_MEMBERS
from conduit_providers.target import Target
from conduit_providers.wire import HttpResponse

Json = dict[str, Any]
ENDPOINT = CATALOG.find("Gemini").endpoints["chat"]
TARGET = Target("P", "Gemini", "https://x", {"apiVersion": "v1beta"})
HI: Json = {"role": "user", "parts": [{"text": "hi"}]}
USAGE = {"promptTokenCount": 3, "candidatesTokenCount": 4, "thoughtsTokenCount": 2}


def call_of(body: bytes, *, stream: bool = False) -> Call[Any]:
    """Return a call, as the path names its model."""
    form = content_request(json=with_model(body, "alias"))
    return Call(form, alias="alias", model="gemini-3-pro", stream=stream, provider="P", dropped=[])


def test_bytes_pass() -> None:
    """White space, order, escapes, and members that nobody knows; the model is the path's."""
    raw = b'{ "contents" : [{"role":"model","parts":[{"text":"\\u00e9"}]}],  "new": 1e2}'
    for stream, verb in ((False, ":generateContent"), (True, ":streamGenerateContent?alt=sse")):
        request = CODEC.to_upstream(call_of(raw, stream=stream), ENDPOINT, TARGET)
        assert request.body == raw
        assert request.path == f"/v1beta/models/gemini-3-pro{verb}"
    own = b'{"model":"models/y","contents":[]}'
    assert CODEC.to_upstream(call_of(own), ENDPOINT, TARGET).body == b'{"contents":[]}'


@pytest.mark.parametrize("name", OWN_MEMBERS)
def test_what_is_said_to_conduit_is_left_out(name: str) -> None:
    """Google refuses what it does not know; deeper down such names are the caller's."""
    call = {"functionCall": {"name": "f", "args": {name: 1}}}
    asked: Json = {"contents": [{"role": "model", "parts": [call]}]}
    request = CODEC.to_upstream(call_of(orjson.dumps({**asked, name: ["a"]})), ENDPOINT, TARGET)
    assert orjson.loads(request.body) == asked


def test_what_others_sealed_is_left_out() -> None:
    """Calls get the signature that the API takes for them; its own stay."""
    signature = signature_of({"details": [{"type": "reasoning.text"}]})
    assert sealed_in(signature)
    assert not sealed_in("AAAA")
    call: Json = {"functionCall": {"name": "f"}, "thoughtSignature": signature}
    thought = {"text": "t", "thought": True, "thoughtSignature": signature}
    own = {"text": "o", "thoughtSignature": "AAAA"}
    said = {"text": "s", "thoughtSignature": signature}
    turn = {"role": "model", "parts": [thought, own, said, call]}
    asked = call_of(orjson.dumps({"contents": [HI, turn]}))
    found = orjson.loads(CODEC.to_upstream(asked, ENDPOINT, TARGET).body)
    assert found["contents"][1]["parts"] == [
        own,
        {"text": "s"},
        {**call, "thoughtSignature": "skip_thought_signature_validator"},
    ]
    assert asked.dropped == ["contents.parts.thought"]


def answer(reason: str | None = "STOP", **members: object) -> Json:
    """Return an answer, or an event."""
    content = {"role": "model", "parts": [{"text": "a"}]}
    return {"candidates": [{"content": content, "finishReason": reason, "index": 0}], **members}


def test_answers_pass_with_their_counts() -> None:
    """Byte for byte."""
    body = orjson.dumps(answer(usageMetadata=USAGE, new=1.5))
    found = CODEC.from_upstream(HttpResponse(200, {}, body), call_of(b"{}"), ENDPOINT)
    assert found.json == body
    assert found.usage is not None
    assert (found.usage.input_tokens, found.usage.output_tokens) == (3, 6)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"<html>", b'{"candidates":[{}]}'])
def test_answers_that_are_none_are_failures(body: bytes) -> None:
    """Of the provider's."""
    with pytest.raises(UpstreamError):
        CODEC.from_upstream(HttpResponse(200, {}, body), call_of(b"{}"), ENDPOINT)


def sse(*events: Json) -> bytes:
    """Return events as Google sends them."""
    return b"".join(b"data: %b\r\n\r\n" % orjson.dumps(each) for each in events)


def test_streams_pass_to_their_end() -> None:
    """Which nothing marks; the last counts are those of all."""
    decoder = CODEC.decoder(call_of(b"{}", stream=True), ENDPOINT)
    events = (answer(None), answer(usageMetadata=USAGE))
    found = decoder.feed(sse(*events))
    assert found is not None
    assert data_in(found.sse) == list(events)
    assert decoder.close() is None
    assert decoder.done
    assert decoder.usage is not None
    assert decoder.usage.output_tokens == 6


def test_streams_that_break_off_never_look_whole() -> None:
    """However little of it came."""
    decoder = CODEC.decoder(call_of(b"{}", stream=True), ENDPOINT)
    decoder.feed(sse(answer(None)))
    with pytest.raises(StreamInterrupted):
        decoder.close()


def test_a_prompt_that_is_blocked_is_refused() -> None:
    """Whole and streamed."""
    blocked = {"promptFeedback": {"blockReason": "SAFETY"}}
    with pytest.raises(ContentPolicy):
        CODEC.from_upstream(HttpResponse(200, {}, orjson.dumps(blocked)), call_of(b"{}"), ENDPOINT)
    with pytest.raises(UpstreamError):
        CODEC.decoder(call_of(b"{}", stream=True), ENDPOINT).feed(sse(blocked))
