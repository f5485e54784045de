"""What is wrong with a JSON value is said where it is wrong."""

import contextlib
import inspect
import itertools
from collections.abc import Callable

import pytest

from conduit.v1 import chat_message_pb2, chat_tool_pb2
from conduit.v1.chat_json import chat_completion_from_json, chat_completion_request_from_json
from conduit.v1.chat_message_json import chat_message_to_json
from conduit.v1.chat_tool_json import function_tool_to_json
from conduit.v1.embedding_json import embedding_list_from_json, embedding_request_from_json
from conduit.v1.json_runtime import JsonError, MalformedJson, parse
from conduit.v1.model_mapping_json import model_mapping_spec_from_json
from conduit.v1.provider_json import provider_spec_from_json
from conduit.v1.router_requests_json import chat_request_from_json

Read = Callable[[object], object]


def part(value: object) -> dict[str, object]:
    """Return a request whose third message has a part."""
    return {"messages": [{}, {}, {"role": "user", "content": [value]}]}


CHAT = chat_completion_request_from_json
PROVIDER = provider_spec_from_json
MAPPING = model_mapping_spec_from_json


@pytest.mark.parametrize(
    ("read", "value", "path", "message"),
    [
        (CHAT, [], "", "must be an object, not a list"),
        (CHAT, {"model": 3}, "model", "must be a string, not a number"),
        (
            PROVIDER,
            {"security": {}, "providerSecurity": {}},
            "providerSecurity",
            "cannot be given together with security",
        ),
        (PROVIDER, {"providerSecurity": 1}, "security", "must be an object, not a number"),
        (CHAT, {"messages": "hi"}, "messages", "must be a list, not a string"),
        (CHAT, {"messages": [None]}, "messages[0]", "must be an object, not null"),
        (
            CHAT,
            part({"type": "image_url", "image_url": {"url": 5}}),
            "messages[2].content[0].image_url.url",
            "must be a string, not a number",
        ),
        (CHAT, part({"type": "text"}), "messages[2].content[0].text", "is missing"),
        (CHAT, part(1), "messages[2].content[0]", "must be an object, not a number"),
        (
            CHAT,
            {"messages": [{"content": 1}]},
            "messages[0].content",
            "must be a string or a list, not a number",
        ),
        (CHAT, {"temperature": True}, "temperature", "must be a number, not a boolean"),
        (CHAT, {"n": 1.5}, "n", "must be a whole number, not a fraction"),
        (CHAT, {"n": True}, "n", "must be a whole number, not a boolean"),
        (CHAT, {"n": 2**31}, "n", "must be from -2147483648 to 2147483647"),
        (CHAT, {"seed": 1e30}, "seed", f"must be from {-(2**63)} to {2**63 - 1}"),
        (CHAT, {"stream": "yes"}, "stream", "must be true or false, not a string"),
        (CHAT, {"stop": ["a", 3]}, "stop[1]", "must be a string, not a number"),
        (CHAT, {"stop": 3}, "stop", "must be a string, not a number"),
        (CHAT, {"logit_bias": {"1": "x"}}, "logit_bias.1", "must be a number, not a string"),
        (
            CHAT,
            {"tool_choice": "any"},
            "tool_choice",
            'must be one of "auto", "none", "required"',
        ),
        (
            CHAT,
            {"tool_choice": {"type": "any"}},
            "tool_choice.type",
            'must be one of "function", "custom", "allowed_tools"',
        ),
        (CHAT, {"response_format": {}}, "response_format.type", "is missing"),
        (
            chat_completion_from_json,
            {"choices": [{"finish_reason": 1}]},
            "choices[0].finish_reason",
            "must be a string, not a number",
        ),
        (
            embedding_request_from_json,
            {"input": 5},
            "input",
            "must be a string or a list, not a number",
        ),
        (
            embedding_request_from_json,
            {"input": ["a", 5]},
            "input[1]",
            "must be a string or a list, not a number",
        ),
        (
            embedding_request_from_json,
            {"input": [1, "a"]},
            "input[1]",
            "must be a whole number, not a string",
        ),
        (
            embedding_list_from_json,
            {"data": [{"embedding": [0.5, None]}]},
            "data[0].embedding[1]",
            "must be a number, not null",
        ),
        (
            PROVIDER,
            {"baseURL": "http://x"},
            "baseURL",
            'is not known here; did you mean "baseUrl"?',
        ),
        (
            PROVIDER,
            {"is_enabled": True},
            "is_enabled",
            'is not known here; did you mean "isEnabled"?',
        ),
        (PROVIDER, {"zebra": None}, "zebra", "is not known here"),
        (
            PROVIDER,
            {"security": {"auditLevel": "loud"}},
            "security.auditLevel",
            'must be one of "Basic", "Full"',
        ),
        (
            PROVIDER,
            {"security": {"allowedIps": []}},
            "security.allowedIps",
            'is not known here; did you mean "allowedIPs"?',
        ),
        (PROVIDER, {"settings": []}, "settings", "must be an object, not a list"),
        (PROVIDER, {"settings": {"a": [2**60]}}, "settings.a[0]", "is too large to be kept"),
        (MAPPING, {"weight": "-"}, "weight", "must be a whole number, not a string"),
        (
            chat_request_from_json,
            {"chat": {}, "json": {}},
            "json",
            "cannot be given together with chat",
        ),
        (
            chat_request_from_json,
            {"chat": {"n": []}},
            "chat.n",
            "must be a whole number, not a list",
        ),
    ],
)
def test_errors_name_the_place_and_the_wrong(
    read: Read, value: object, path: str, message: str
) -> None:
    """The path leads to the member at fault; the message says what it is and what it must be."""
    with pytest.raises(JsonError) as caught:
        read(value)
    assert caught.value.path == path
    assert caught.value.message.startswith(message)


def test_a_path_can_start_further_up() -> None:
    """A caller that reads a part of something larger says where it stands."""
    with pytest.raises(JsonError, match=r"^requests\[3\]\.n must be a whole number"):
        chat_completion_request_from_json({"n": "x"}, "requests[3]")
    with pytest.raises(JsonError, match=r"^requests\[3\] must be an object"):
        chat_completion_request_from_json(7, "requests[3]")


@pytest.mark.parametrize(
    ("text", "position"),
    [
        (b"", 0),
        (b"{", 1),
        (b'{"a":1,}', 6),
        (b'{"a":NaN}', 5),
        (b'{"a":"\xff"}', 6),
        (b'"\\ud800"', 1),
        (b"1e999", 0),
        (b"{} {}", 3),
    ],
)
def test_what_is_not_json_is_malformed(text: bytes, position: int) -> None:
    """No text makes the reader do anything but say where reading ended."""
    with pytest.raises(MalformedJson) as caught:
        parse(text)
    assert caught.value.position == position


def test_malformed_json_does_not_quote_the_text() -> None:
    """A body may hold a secret; the error and what it came from do not."""
    with pytest.raises(MalformedJson) as caught:
        parse(b'{"apiKey":"sk-canary"')
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def nested(depth: int) -> object:
    """Return lists in lists."""
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


def test_free_json_may_not_be_nested_too_deeply() -> None:
    """What the parser takes but the writer would not is refused, not crashed on."""
    with pytest.raises(JsonError, match="audio is nested too deeply"):
        chat_completion_request_from_json({"audio": nested(1000)})
    with pytest.raises(JsonError, match="is nested too deeply"):
        chat_completion_request_from_json({"new": nested(1000)})
    with pytest.raises(JsonError, match=r"settings\.a.* is nested too deeply"):
        provider_spec_from_json({"settings": {"a": nested(1000)}})


def test_the_deepest_settings_survive_protobufs_binary_form() -> None:
    """Settings as deep as JSON may be are not refused by the gRPC peer."""
    value: object = 1
    for _ in range(23):
        value = {"a": value}
    spec = provider_spec_from_json({"settings": {"a": value}})
    assert type(spec).FromString(spec.SerializeToString()) == spec
    with pytest.raises(JsonError, match="nested too deeply"):
        provider_spec_from_json({"settings": {"a": {"a": value}}})


@pytest.mark.parametrize("text", [b"{", b'{}},"model":"dear"', b"", b"\xff"])
def test_raw_json_of_grpc_callers_is_checked(text: bytes) -> None:
    """Bytes that are not one JSON value cannot end the object they stand in."""
    tool = chat_tool_pb2.FunctionTool(name="f", parameters_json=text)
    if text:
        with pytest.raises(JsonError, match="parameters is not JSON"):
            function_tool_to_json(tool)
    else:
        assert function_tool_to_json(tool) == {"name": "f"}


@pytest.mark.parametrize("text", [b"[]", b"{", b"3"])
def test_unknown_members_of_grpc_callers_are_checked(text: bytes) -> None:
    """What holds unknown members must be an object."""
    message = chat_message_pb2.ChatMessage(unknown_json=text)
    with pytest.raises(JsonError, match="unknown_json is not"):
        chat_message_to_json(message)


def test_any_json_value_is_read_or_refused() -> None:
    """No value of any type at any member raises anything but JsonError."""
    values: list[object] = [
        None,
        True,
        0,
        -1,
        1.5,
        1e300,
        "",
        "x",
        [],
        [[]],
        [None],
        {},
        {"type": {}},
        {"": 1},
    ]
    for read in (CHAT, PROVIDER, embedding_request_from_json, chat_completion_from_json):
        for name, value in itertools.product(known_members(read), values):
            with contextlib.suppress(JsonError):
                read({name: value})


def known_members(read: Read) -> set[str]:
    """Return the members that the messages of a converter's module know."""
    tables = [
        table for name, table in vars(inspect.getmodule(read)).items() if name.endswith("_MEMBERS")
    ]
    names = {name for table in tables for name in table if name is not None}
    assert len(names) > len(tables)
    return names


@pytest.mark.parametrize("null", ["security", "providerSecurity"])
def test_null_under_one_name_takes_nothing_from_the_other(null: str) -> None:
    """A client that has every member writes both."""
    given = {"security": {"auditLevel": "Full"}, "providerSecurity": {"auditLevel": "Full"}}
    read = provider_spec_from_json({"name": "a", **given, null: None})
    assert read == provider_spec_from_json({"name": "a", "security": {"auditLevel": "Full"}})
