"""Bodies of OpenAI's dialect, fitted to what Mistral takes."""

from typing import Any

import orjson
import pytest

from conduit_kernel.errors import InvalidRequest, UnsupportedCapability
from conduit_providers.calls import Call
from conduit_providers.codecs.mistral.answer import FORMAT
from conduit_providers.codecs.mistral.request import NO_ARGUMENTS, fitted, short_id
from conduit_providers.operations.chat import chat_request

Json = dict[str, Any]
USER: Json = {"role": "user", "content": "x"}


def fit(*messages: Any, **members: object) -> tuple[Json, list[str]]:  # noqa: ANN401 # any JSON
    """Return a fitted body, and what was dropped."""
    call = Call(chat_request(json=b"{}"), alias="a", model="m")
    body = orjson.dumps({"messages": list(messages), **members})
    found: Json = orjson.loads(fitted(body, call, "P"))
    return found, call.dropped


def turn(message: Json) -> Json:
    """Return what a message becomes."""
    found: Json = fit(message, USER)[0]["messages"][0]
    return found


@pytest.mark.parametrize(
    "call_id", ["", "call_abc123", "toolu_01A09q90qw90lq917835lq9", "x" * 300, "D681PevK-", "ü" * 9]
)
def test_ids_of_other_providers_become_nine_letters(call_id: str) -> None:
    """Mistral takes no others; equal ids stay equal, others differ."""
    short = short_id(call_id)
    assert len(short) == len("D681PevKs")
    assert short.isascii()
    assert short.isalnum()
    assert short == short_id(call_id) != short_id(call_id + "x")


def test_ids_of_mistral_stay() -> None:
    """What Mistral made goes back unchanged."""
    assert short_id("D681PevKs") == "D681PevKs"


def test_a_body_without_differences_is_not_taken_apart() -> None:
    """Not a byte of it."""
    call = Call(chat_request(json=b"{}"), alias="a", model="m")
    body = b'{ "messages":[{"role":"user","content":"x"}], "n": 1.50 }'
    assert fitted(body, call, "P") is body


@pytest.mark.parametrize("body", [b'{"tools":', b'{"tools":1e999}'])
def test_what_is_no_json_is_the_callers_error(body: bytes) -> None:
    """Where it must be changed."""
    call = Call(chat_request(json=b"{}"), alias="a", model="m")
    with pytest.raises(InvalidRequest, match="not JSON"):
        fitted(body, call, "P")


@pytest.mark.parametrize(
    ("tier", "sent", "dropped"),
    [("default", "standard_only", []), ("auto", "auto", []), ("flex", None, ["service_tier"]),
     (7, None, ["service_tier"]), (None, None, [])],
)  # fmt: skip
def test_tiers_have_mistrals_names(tier: object, sent: str | None, dropped: list[str]) -> None:
    """Those that it does not have are told."""
    body, told = fit(USER, service_tier=tier)
    assert (body.get("service_tier"), told) == (sent, dropped)


def test_tools_have_schemas_and_a_choice() -> None:
    """A tool that must be called is `any`."""
    tools = [{"type": "function", "function": {"name": name}} for name in ("f", "g")]
    body, _ = fit(USER, tools=tools, tool_choice="required")
    assert body["tools"][0]["function"]["parameters"] == NO_ARGUMENTS
    assert body["tool_choice"] == "any"
    for mode, sent in (("auto", "auto"), ("required", "any")):
        allowed = {"mode": mode, "tools": [{"type": "function", "function": {"name": "g"}}, 7]}
        choice = {"type": "allowed_tools", "allowed_tools": allowed}
        body, _ = fit(USER, tools=tools, tool_choice=choice)
        assert [tool["function"]["name"] for tool in body["tools"]] == ["g"]
        assert body["tool_choice"] == sent


def test_free_form_tools_are_refused() -> None:
    """Offered, chosen or called."""
    custom = {"type": "custom", "custom": {"name": "f"}}
    called = {"role": "assistant", "content": None, "tool_calls": [{"id": "c", **custom}]}
    for messages, members in (
        ([USER], {"tools": [custom]}),
        ([USER], {"tools": [], "tool_choice": custom}),
        ([called], {}),
    ):
        with pytest.raises(UnsupportedCapability, match="free-form"):
            fit(*messages, **members)


@pytest.mark.parametrize(
    ("part", "sent"),
    [
        ({"type": "file", "file": {"file_id": "f"}}, {"type": "file", "file_id": "f"}),
        ({"type": "file", "file": {"file_data": "data:image/png;base64,A"}},
         {"type": "image_url", "image_url": "data:image/png;base64,A"}),
        ({"type": "file", "file": {"file_data": "https://a/x.pdf", "filename": "x"}},
         {"type": "document_url", "document_url": "https://a/x.pdf", "document_name": "x"}),
        ({"type": "input_audio", "input_audio": {"data": "A", "format": "mp3"}},
         {"type": "input_audio", "input_audio": "A"}),
        ({"type": "refusal", "refusal": "No."}, {"type": "text", "text": "No."}),
        ({"type": "file", "file": 7}, {"type": "file", "file": 7}),
        (7, 7),
    ],
)  # fmt: skip
def test_parts_have_mistrals_form(part: Any, sent: object) -> None:  # noqa: ANN401 # any JSON
    """What is of no known form is left to Mistral to refuse."""
    marked = {"role": "user", "name": None, "content": [part]}
    assert turn(marked)["content"] == [sent]


def test_films_are_refused() -> None:
    """Another candidate may take them."""
    with pytest.raises(UnsupportedCapability, match="video_url"):
        fit({"role": "user", "content": [{"type": "video_url", "video_url": {"url": "u"}}]})


def test_thoughts_go_back_whole() -> None:
    """Also where a caller only strung their pieces together; others' are told."""
    details = [
        {"type": "reasoning.text", "text": "H", "format": FORMAT, "index": 0},
        {"type": "reasoning.text", "text": "m", "signature": "s", "format": FORMAT, "index": 0},
        {"type": "reasoning.text", "text": "x", "format": "google-gemini-v1"},
        {"type": "reasoning.text", "text": "x", "format": []},
        {"type": ["reasoning.text"], "index": {}},
        {"type": "reasoning.encrypted", "data": "d"},
        7,
    ]
    message = {"role": "assistant", "content": "Hi", "reasoning_details": details}
    body, told = fit(message, USER)
    assert body["messages"][0]["content"] == [
        {"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}], "closed": True,
         "signature": "s"},
        {"type": "text", "text": "Hi"},
    ]  # fmt: skip
    assert told == ["messages.reasoning_details"]
    plain = turn({"role": "assistant", "content": None, "reasoning_content": "Hm"})
    assert plain["content"][0]["thinking"] == [{"type": "text", "text": "Hm"}]
    oddities: list[object] = ["", None, 7, []]
    for odd in oddities:
        said = turn({"role": "assistant", "content": "Hi", "reasoning_content": odd})
        assert said == {"role": "assistant", "content": "Hi"}


def test_names_and_what_others_sealed_are_told() -> None:
    """A tool's name stays."""
    call = {"id": "c", "type": "function", "function": {}, "extra_content": {"google": {}}}
    body, told = fit(
        {**USER, "name": "ada"},
        {"role": "assistant", "content": None, "refusal": "No.", "tool_calls": [call, 7]},
        {"role": "tool", "tool_call_id": "c", "name": "f", "content": "x"},
    )
    assert told == ["messages.name", "messages.tool_calls.extra_content"]
    assert body["messages"][1]["content"] == [{"type": "text", "text": "No."}]
    assert body["messages"][2]["name"] == "f"
    assert body["messages"][1]["tool_calls"][0]["id"] == body["messages"][2]["tool_call_id"]


def test_a_conversation_may_end_with_the_models_own_words() -> None:
    """Which it is to go on with."""
    assert fit(USER, {"role": "assistant", "content": "Hi"})[0]["messages"][1]["prefix"] is True
    called = {"role": "assistant", "content": None, "tool_calls": [{"id": "c"}]}
    assert "prefix" not in fit(USER, called)[0]["messages"][1]


@pytest.mark.parametrize("messages", [7, None, [], [7], ["x"]])
def test_messages_of_no_known_form_are_left_to_mistral(messages: object) -> None:
    """Fitting crashes on nothing."""
    call = Call(chat_request(json=b"{}"), alias="a", model="m")
    body = orjson.dumps({"messages": messages, "tools": 7, "tool_choice": 7})
    assert orjson.loads(fitted(body, call, "P"))["messages"] == messages


def test_thoughts_in_pieces_take_no_long_time() -> None:
    """Each is read once; the suite's timeout would tell otherwise."""
    piece = {"type": "reasoning.text", "text": "x" * 200, "index": 0}
    message = {"role": "assistant", "content": "a", "reasoning_details": [piece] * 200_000}
    thought, _ = turn(message)["content"]
    assert len(thought["thinking"][0]["text"]) == 40_000_000


def test_allowed_tools_are_found_at_once() -> None:
    """A name that is no text allows nothing."""
    functions = [{"type": "function", "function": {"name": each}} for each in ("f", "g", ["f"])]
    allowed = {"mode": "required", "tools": functions[1:]}
    choice = {"type": "allowed_tools", "allowed_tools": allowed}
    body, _ = fit(USER, tools=functions[:2], tool_choice=choice)
    assert [each["function"]["name"] for each in body["tools"]] == ["g"]
