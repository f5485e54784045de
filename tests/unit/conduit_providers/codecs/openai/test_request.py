"""Bodies of OpenAI's dialect: as they came, or changed where they must be."""

from typing import Any

import orjson
import pytest

from conduit_kernel.errors import InvalidRequest, UnsupportedParameter
from conduit_providers.calls import Call
from conduit_providers.codecs.openai.options import ChatOptions
from conduit_providers.codecs.openai.request import chat_body, fitted_body, headers_of
from conduit_providers.operations.chat import ChatCall, chat_request
from conduit_providers.operations.embed import EmbedCall, embedding_request
from conduit_providers.spec import Endpoint
from conduit_providers.wire import JSON_HEADERS

Json = dict[str, Any]
PLAIN = Endpoint("openai_chat", "/", options=ChatOptions())


def chat(
    raw: bytes, *, model: str = "m", stream: bool = False, include_usage: bool = False
) -> ChatCall:
    """Return a call."""
    form = chat_request(json=raw)
    call: ChatCall = Call(form, alias="a", model=model, stream=stream, provider="P")
    call.include_usage = include_usage
    return call


def endpoint(**members: Any) -> Endpoint:  # noqa: ANN401 # as an endpoint has them
    """Return an endpoint that differs."""
    return Endpoint("openai_chat", "/", options=ChatOptions(), **members)


def sent(raw: bytes, where: Endpoint = PLAIN, **call: Any) -> bytes:  # noqa: ANN401 # as `chat` has them
    """Return the body of a chat."""
    return chat_body(chat(raw, **call), where, "P")


def test_headers_are_jsons_and_the_endpoints() -> None:
    """In that order."""
    assert headers_of(PLAIN) is JSON_HEADERS
    assert headers_of(endpoint(headers={"a": "b"})) == (*JSON_HEADERS, ("a", "b"))


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (b'{"model":"a","x":1.0}', b'{"model":"m","x":1.0}'),
        (b'{ "x":"\\"model\\"" , "model" :  "a" }', None),
        (b'{"model":"\\u0061"}', None),
        (b'{"mod\\u0065l":"a"}', b'{"model":"m"}'),
        (b'{"model":"a","model":"a"}', b'{"model":"m"}'),
        (b'{"x":{"model":"b"},"model":"a"}', b'{"x":{"model":"b"},"model":"m"}'),
        (b'{"model":"a","stream":false}', b'{"model":"m","stream":false}'),
        (b'{"model":"a","stream":true}', b'{"model":"m"}'),
        (b'{"model":"a","stream_options":{}}', b'{"model":"m"}'),
    ],
)
def test_a_whole_answer_is_asked_for_by_the_providers_name(raw: bytes, body: bytes | None) -> None:
    """Spliced in where it can be seen, written anew where not."""
    found = sent(raw)
    assert orjson.loads(found)["model"] == "m"
    assert "stream_options" not in orjson.loads(found)
    if body is not None:
        assert found == body


@pytest.mark.parametrize(
    ("raw", "where", "include_usage", "body"),
    [
        (b'{"model":"a","stream":true}', PLAIN, False,
         b'{"stream_options":{"include_usage":true},"model":"m","stream":true}'),
        (b'{"model":"a","stream":true,"stream_options":{"include_usage":true}}', PLAIN, True,
         b'{"model":"m","stream":true,"stream_options":{"include_usage":true}}'),
        (b'{"model":"a","stream":true}', endpoint(drop=frozenset({"stream_options"})), False,
         b'{"model":"m","stream":true}'),
        (b'{"model":"a"}', PLAIN, False,
         b'{"model":"m","stream":true,"stream_options":{"include_usage":true}}'),
        (b'{"model":"a","stream":true,"stream_options":7}', PLAIN, False,
         b'{"model":"m","stream":true,"stream_options":{"include_usage":true}}'),
        (b'{"model":"a","stream":true,"stream_options":{"x":1}}',
         endpoint(drop=frozenset({"stream_options"})), False, b'{"model":"m","stream":true}'),
    ],
)  # fmt: skip
def test_a_stream_is_asked_for_with_its_counts(
    raw: bytes, where: Endpoint, *, include_usage: bool, body: bytes
) -> None:
    """Unless the endpoint takes no such option."""
    assert sent(raw, where, stream=True, include_usage=include_usage) == body


def test_a_model_that_needs_no_other_name_passes_the_body_itself() -> None:
    """Not even a copy is made."""
    raw = b'{"model":"a", "n": 1e0}'
    assert sent(raw, model="a") is raw


def test_names_of_models_are_written_as_json() -> None:
    """Whatever is in them."""
    assert sent(b'{"model":"a"}', model='x"\\\n') == b'{"model":"x\\"\\\\\\n"}'


@pytest.mark.parametrize("raw", [b"[]", b"7", b"", b"{", b'{"model":"a","\\u0061":1e999}'])
def test_what_is_no_object_is_the_callers_error(raw: bytes) -> None:
    """Where it must be read."""
    with pytest.raises(InvalidRequest):
        sent(raw)


def test_members_are_dropped_and_renamed() -> None:
    """Defaults are no loss; where both names are given, the provider's own counts."""
    where = endpoint(
        drop=frozenset({"user", "n"}),
        rename={"max_completion_tokens": "max_tokens"},
        drop_in_messages=frozenset({"name"}),
        rename_in_messages={"reasoning_content": "reasoning"},
    )
    message = {"role": "assistant", "name": "x", "reasoning_content": "hm",
               "content": [{"type": "text", "text": "y", "name": ""}]}  # fmt: skip
    raw = orjson.dumps(
        {"model": "a", "user": "u", "n": 1, "max_tokens": 3, "max_completion_tokens": 9,
         "messages": [message, 7]}
    )  # fmt: skip
    call = chat(raw)
    found = orjson.loads(chat_body(call, where, "P"))
    assert found == {
        "model": "m",
        "max_tokens": 3,
        "messages": [
            {"role": "assistant", "content": [{"type": "text", "text": "y"}], "reasoning": "hm"},
            7,
        ],
    }
    assert call.dropped == ["user", "max_completion_tokens", "messages.name"]
    strict = chat(raw)
    strict.is_strict = True
    with pytest.raises(UnsupportedParameter):
        chat_body(strict, where, "P")


def test_a_role_that_a_provider_does_not_know_has_another_name() -> None:
    """Where it is a role, and not where somebody says it."""
    where = Endpoint("openai_chat", "/", options=ChatOptions(developer_role="system"))
    raw = b'{"model":"a","messages":[{"role":"developer","content":"\\"developer\\""},{"role":7}]}'
    messages = orjson.loads(sent(raw, where))["messages"]
    assert messages[0] == {"role": "system", "content": '"developer"'}
    assert orjson.loads(sent(raw))["messages"][0]["role"] == "developer"


def embed(raw: bytes, where: Endpoint = PLAIN) -> tuple[bytes, list[str]]:
    """Return the body of an embedding, and what was dropped."""
    call: EmbedCall = Call(embedding_request(json=raw), alias="a", model="m")
    return fitted_body(call, where, "P"), call.dropped


def test_embeddings_pass_as_chats_do() -> None:
    """But they have no streams and no messages."""
    assert embed(b'{"model":"a", "input": 1.0}') == (b'{"model":"m", "input": 1.0}', [])
    assert embed(b'{"input":"x"}') == (b'{"input":"x","model":"m"}', [])
    where = endpoint(drop=frozenset({"user"}), rename={"dimensions": "output_dimension"})
    assert embed(b'{"model":"a","user":"u","dimensions":7}', where) == (
        b'{"model":"m","output_dimension":7}',
        ["user"],
    )
    with pytest.raises(InvalidRequest):
        embed(b"[]")
