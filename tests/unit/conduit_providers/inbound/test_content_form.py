"""Generated content in both of its forms."""

import orjson
import pytest

from conduit.v1.content_pb2 import ContentGeneration
from conduit_providers.inbound.chat_terms import ANY_TERMS
from conduit_providers.inbound.content_form import (
    ContentEvents,
    content_answer,
    content_request,
    with_model,
)
from conduit_providers.quantities import plain


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b'{"a":1}', b'{"model":"x","a":1}'),
        (b"{ }", b'{"model":"x" }'),
        (b'{"role":"model"}', b'{"model":"x","role":"model"}'),
        (b'{"a":1,"model":"y"}', b'{"model":"x","a":1}'),
        (b'{"mode\\u006c":"y"}', b'{"model":"x"}'),
        (b"[]", b"[]"),
        (b'{"model":', b'{"model":'),
        (b"", b""),
    ],
)
def test_the_path_names_the_model(body: bytes, named: bytes) -> None:
    """Whatever the body says; what is no object stays for who refuses it."""
    assert with_model(body, "x") == named
    assert with_model(body, "") == body


def test_a_typed_request_is_the_same_in_json() -> None:
    """Its larger members are JSON either way."""
    contents = b'[{"parts":[{"text":"hi"}]}]'
    typed = ContentGeneration(model="m", contents_json=contents)
    form = content_request(typed=typed)
    assert orjson.loads(form.json) == {"model": "m", "contents": orjson.loads(contents)}
    assert content_request(json=form.json).typed.model == "m"
    assert form.chat(ANY_TERMS) is form.chat(ANY_TERMS)


def test_events_are_pieces_without_names() -> None:
    """Both ways."""
    events = ContentEvents(sse=b'data: {"candidates":[],"modelVersion":"m"}\n\n')
    assert events.pieces[0].model_version == "m"
    assert ContentEvents(pieces=events.pieces).sse == events.sse
    assert content_answer(b'{"candidates":[]}', plain(1)).typed.candidates_json == b"[]"
