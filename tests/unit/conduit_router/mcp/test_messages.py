"""Which messages pass, and what of answers callers see."""

import msgspec
import orjson
import pytest

from conduit_kernel.errors import InvalidRequest, MalformedJson
from conduit_router.mcp.messages import (
    events_shown_to,
    read_message,
    refusal_of,
    shown_to,
)
from conduit_router.mcp.servers import Allowed

SOME, ALL = Allowed(("read_*", "add")), Allowed(("*",))
LISTED = orjson.dumps(
    {
        "jsonrpc": "2.0",
        "id": 1,
        "result": {"tools": [{"name": "add"}, {"name": "drop"}, {"name": "read_it"}, 7, {}]},
    }
)


def _request(method: str, number: object = 1, **params: object) -> bytes:
    found = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
    return orjson.dumps({name: each for name, each in found.items() if each is not None})


def test_a_message_is_written_anew() -> None:
    """So that of two members the one counts at the server that counts here."""
    body = (
        b'{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call",'
        b'"params":{"name":"add","name":"drop","arguments":{"a":1}}}'
    )
    found = read_message(body)
    assert (found.method, found.tool) == ("tools/call", "drop")
    assert found.text.count(b'"method"') == found.text.count(b'"name"') == 1
    assert orjson.loads(found.text)["params"]["arguments"] == {"a": 1}


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]',
        b'{"id":1,"method":"ping"}',
        b'{"jsonrpc":"1.0","id":1,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":1}',
        b'{"jsonrpc":"2.0","id":true,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":{},"method":"ping"}',
        b'{"jsonrpc":"2.0","id":1,"method":7}',
        b'{"jsonrpc":"2.0","id":1,"method":""}',
        b'{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}',
        b'{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call"}',
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add","Name":"drop"}}',
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}}',
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":""}}',
        b'{"jsonrpc":"2.0","method":"tools/call","params":{"name":"add"}}',
    ],
)
def test_what_is_no_message_is_refused(body: bytes) -> None:
    """And what servers may read otherwise."""
    with pytest.raises(InvalidRequest):
        read_message(body)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 5000])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    """Before anything is looked for in it."""
    with pytest.raises(MalformedJson):
        read_message(body)


@pytest.mark.parametrize(
    "body",
    [
        _request("initialize"),
        _request("ping", "a"),
        _request("tools/list"),
        _request("tools/call", name="read_all"),
        _request("notifications/cancelled", None),
        _request("logging/setLevel"),
        b'{"jsonrpc":"2.0","id":3,"result":{}}',
        b'{"jsonrpc":"2.0","id":3,"error":{"code":1,"message":""}}',
    ],
)
def test_what_every_client_does_passes(body: bytes) -> None:
    """With whichever tools."""
    assert refusal_of(read_message(body), SOME) is None


def test_tools_are_called_by_who_may() -> None:
    """Others get an error of JSON-RPC, with the id of their request."""
    refused = refusal_of(read_message(_request("tools/call", "x", name="drop")), SOME)
    assert refused is not None
    told = orjson.loads(refused)
    assert (told["id"], told["error"]["code"]) == ("x", -32602)
    assert refusal_of(read_message(_request("tools/call", name="drop")), ALL) is None


@pytest.mark.parametrize("method", ["resources/read", "prompts/get", "tasks/get", "x"])
def test_what_is_no_tool_is_for_those_who_may_use_everything(method: str) -> None:
    """Nobody else; a notification that nobody would answer is refused at once."""
    message = read_message(_request(method))
    refused = refusal_of(message, SOME)
    assert refused is not None
    assert orjson.loads(refused)["error"]["code"] == -32601
    assert refusal_of(message, ALL) is None
    with pytest.raises(InvalidRequest):
        refusal_of(read_message(_request(method, None)), SOME)


def test_clients_of_versions_without_sessions_go_on_with_others() -> None:
    """Their question is answered as by a server that knows none of these."""
    refused = refusal_of(read_message(_request("server/discover")), ALL)
    assert refused is not None
    assert orjson.loads(refused)["error"]["code"] == -32601


def test_lists_of_tools_have_those_that_the_caller_may_use() -> None:
    """What is no tool at all is in no list."""
    names = [each["name"] for each in orjson.loads(shown_to(LISTED, SOME))["result"]["tools"]]
    assert names == ["add", "read_it"]
    assert shown_to(LISTED, ALL) == LISTED
    for other in (b'{"result": {"tools": 7}}', b'{"a": "\\"tools\\""}', b'["tools"]'):
        assert orjson.loads(shown_to(other, SOME)) == orjson.loads(other)
    with pytest.raises(msgspec.DecodeError):
        shown_to(b'{"tools"', SOME)


def test_lists_in_events_are_shortened_too() -> None:
    """Ids and names of events stay, and so do all other events."""
    other = b"event: message\ndata: {}"
    block = b"id: 7\nevent: message\ndata: " + LISTED + b"\n\n" + other + b"\n\n"
    shown = events_shown_to(block, SOME)
    first, second, end = shown.split(b"\n\n")
    assert first.startswith(b"id: 7\nevent: message\ndata: {")
    assert b"drop" not in first
    assert (second, end) == (other, b"")
    assert events_shown_to(block, ALL) == block
