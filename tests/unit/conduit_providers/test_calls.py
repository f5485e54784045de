"""Messages in two forms, and what a provider did not take."""

import msgspec
import pytest

from conduit.v1.chat_pb2 import ChatCompletion, ChatCompletionRequest
from conduit_kernel.errors import InvalidRequest, MalformedJson, UnsupportedParameter, UpstreamError
from conduit_providers.calls import MAX_DROPPED, Call
from conduit_providers.operations.chat import chat_answer, chat_request

HELLO = b'{ "model":"m", "messages":[{"role":"user","content":"hi"}] }'


def test_json_that_came_is_never_written_anew() -> None:
    """Its typed form is made once."""
    form = chat_request(json=HELLO)
    assert form.json is HELLO
    assert form.typed is form.typed
    assert form.typed.messages[0].content[0].text == "hi"
    assert form.json is HELLO


def test_a_typed_message_is_written_once() -> None:
    """And what it says is the same in both forms."""
    form = chat_request(typed=ChatCompletionRequest(model="m"))
    assert form.json_at_hand is None
    assert form.json is form.json
    assert chat_request(json=form.json).typed == form.typed


@pytest.mark.parametrize("json", [HELLO, None], ids=["JSON", "typed"])
def test_another_message_is_in_the_same_form(json: bytes | None) -> None:
    """Both of its forms say what is new, and the first message stays as it was."""
    typed = ChatCompletionRequest(model="m")
    form = chat_request(json=json) if json else chat_request(typed=typed)
    other = form.with_typed(ChatCompletionRequest(model="n"))
    assert (other.json_at_hand is None) == (json is None)
    assert other.typed.model == chat_request(json=other.json).typed.model == "n"
    assert form.typed.model == "m"


@pytest.mark.parametrize(
    ("json", "kind", "metadata"),
    [
        (b'{"model":7}', InvalidRequest, {"field": "model"}),
        (b'{"messages":[{"role":"user","content":[{"type":"text","text":1}]}]}', InvalidRequest,
         {"field": "messages[0].content[0].text"}),
        (b'{"model":"m"', MalformedJson, {"position": "12"}),
        (b"", MalformedJson, {"position": "0"}),
    ],
)  # fmt: skip
def test_a_request_that_does_not_fit_is_the_callers_error(
    json: bytes, kind: type[InvalidRequest], metadata: dict[str, str]
) -> None:
    """It says where."""
    with pytest.raises(kind) as refused:
        _ = chat_request(json=json).typed
    assert type(refused.value) is kind
    assert refused.value.metadata == metadata


def test_an_answer_that_does_not_fit_is_the_providers() -> None:
    """Its words are not repeated."""
    for is_typed, answer in (
        (True, chat_answer(usage=None, json=b'{"id":7,"object":"canary"}')),
        (False, chat_answer(usage=None, typed=ChatCompletion(unknown_json=b"canary"))),
    ):
        with pytest.raises(UpstreamError, match="does not fit the contract") as raised:
            answer.to_form(is_typed=is_typed)
        assert raised.value.metadata["kind"] == "malformed"
        assert "canary" not in str(raised.value)


def test_an_answer_in_json_is_not_taken_apart_for_callers_of_json() -> None:
    """Whatever is in it."""
    answer = chat_answer(usage=None, json=b"nonsense")
    assert answer.to_form(is_typed=False).json == b"nonsense"


def test_what_is_dropped_is_told_once() -> None:
    """In order, however often it comes."""
    call = Call(chat_request(json=HELLO), alias="a", model="m")
    for name in ("user", "seed", "user"):
        call.drop(name, "P")
    assert call.dropped == ["user", "seed"]
    assert Call(chat_request(json=HELLO), alias="a", model="m").dropped == []


def test_strict_callers_lose_nothing() -> None:
    """The call is refused at once, with who does not take what."""
    call = Call(chat_request(json=HELLO), alias="a", model="m", is_strict=True)
    with pytest.raises(
        UnsupportedParameter, match="P does not take the parameter 'user'"
    ) as raised:
        call.drop("user", "P")
    assert raised.value.metadata == {"parameter": "user", "provider": "P"}
    assert call.dropped == []


def test_members_that_say_nothing_are_not_told() -> None:
    """Of those that a provider does not take."""
    members = {"a": 1, "b": None, "c": False}
    call = Call(chat_request(), alias="a", model="m", dropped=[])
    call.drop_members(members, "P")
    assert call.dropped == ["a", "c"]
    strict = Call(chat_request(), alias="a", model="m", is_strict=True)
    strict.drop_members({"b": None}, "P")
    with pytest.raises(UnsupportedParameter):
        strict.drop_members(members, "P")


def test_of_what_is_dropped_the_first_is_told() -> None:
    """In order, also of the parts of a call, which tell it in the call's place."""
    call = Call(chat_request(json=HELLO), alias="m", model="m", provider="P")
    part = msgspec.structs.replace(call)
    part.dropped = call.dropped
    for each in (call, part, call):
        for number in range(10_000):
            each.drop(f"x{number}", "P")
    assert call.dropped == [*(f"x{number}" for number in range(MAX_DROPPED - 1)), "..."]


def test_names_that_are_told_are_short() -> None:
    """A caller's own name of a megabyte is in no header, and in no error."""
    call = Call(chat_request(json=HELLO), alias="m", model="m")
    call.drop("x" * 1_000_000, "P")
    assert call.dropped == ["x" * 100]
    call.is_strict = True
    with pytest.raises(UnsupportedParameter) as raised:
        call.drop("y" * 1_000_000, "P")
    assert len(raised.value.message) < 200
