"""Messages of the Model Context Protocol, read as far as who may send and see them.

https://modelcontextprotocol.io/specification/2025-06-18/basic: one JSON-RPC 2.0 message each, no
lists of them.
"""

from codecs import BOM_UTF8
from typing import Any, NamedTuple

import msgspec
import orjson

from conduit_kernel.errors import InvalidRequest, MalformedJson
from conduit_providers.codecs.shared.sse import events_in
from conduit_providers.json_reading import parsed
from conduit_router.mcp.servers import Allowed

Json = dict[str, Any]

INITIALIZE = "initialize"
CALL, LIST = "tools/call", "tools/list"
# JSON-RPC's own.
INVALID_PARAMS, METHOD_NOT_FOUND = -32602, -32601
MAX_METHOD = 100
_MEMBERS = frozenset(("jsonrpc", "id", "method", "params", "result", "error"))
# What every client does, whatever it may use.
_USUAL = frozenset((INITIALIZE, CALL, LIST, "ping", "logging/setLevel"))
_NOTIFICATIONS = "notifications/"
# How clients ask for versions without sessions; who is refused goes on with `initialize`.
_DISCOVER = "server/discover"
LATEST_VERSION = "2025-11-25"
_TOOLS = b'"tools"'


class McpMessage(NamedTuple):
    """A message of a caller's, written anew, so that it means to the server what it means here."""

    text: bytes
    # Empty for a response.
    method: str
    # None for notifications and responses, which nobody answers.
    id: object
    # The tool that it calls; empty where it calls none.
    tool: str = ""


def read_message(body: bytes) -> McpMessage:
    """Read a message. MalformedJson or InvalidRequest if it is none."""
    try:
        found = parsed(body)
    except msgspec.DecodeError as error:
        raise MalformedJson(f"The body is not JSON: {error}") from error
    if not isinstance(found, dict):
        message = "The body must be one message of JSON-RPC, and no list of them"
        raise InvalidRequest(message, field="")
    for name in found:
        if name not in _MEMBERS:
            shown = name[:MAX_METHOD]
            raise InvalidRequest(f"{shown!r} is no member of a JSON-RPC message", field=shown)
    if found.get("jsonrpc") != "2.0":
        raise InvalidRequest('jsonrpc must be "2.0"', field="jsonrpc")
    number = found.get("id")
    if not isinstance(number, str | int | None) or isinstance(number, bool):
        raise InvalidRequest("id must be a text or a number", field="id")
    if "method" not in found:
        if "result" not in found and "error" not in found:
            raise InvalidRequest("method is missing", field="method")
        return McpMessage(orjson.dumps(found), "", None)
    return _request(found, number)


def _request(found: Json, number: object) -> McpMessage:
    method, params = found["method"], found.get("params", {})
    if not isinstance(method, str) or not 0 < len(method) <= MAX_METHOD:
        message = f"method must be a text of 1 to {MAX_METHOD} characters"
        raise InvalidRequest(message, field="method")
    if not isinstance(params, dict):
        raise InvalidRequest("params must be an object", field="params")
    tool = ""
    if method == CALL:
        tool = _tool(params)
        if number is None:
            raise InvalidRequest("id is missing: a call is answered", field="id")
    return McpMessage(orjson.dumps(found), method, number, tool)


def _tool(params: Json) -> str:
    for name in params:
        if name != "name" and name.lower() == "name":
            # Some servers would take it for the other one.
            raise InvalidRequest(f"params.{name} is no member of a call", field=f"params.{name}")
    tool = params.get("name")
    if not isinstance(tool, str) or not tool:
        raise InvalidRequest("params.name must name a tool", field="params.name")
    return tool


def refusal_of(message: McpMessage, allowed: Allowed) -> bytes | None:
    """Return the answer to what a caller may not do; None where it may.

    InvalidRequest for what nobody would answer.
    """
    if message.method == CALL:
        if allowed.may_call(message.tool):
            return None
        shown = message.tool[:MAX_METHOD]
        return _error(message.id, INVALID_PARAMS, f"This virtual key may not call {shown!r}")
    if message.method == _DISCOVER:
        words = f"Versions up to {LATEST_VERSION} are spoken here: begin with initialize"
        return _error(message.id, METHOD_NOT_FOUND, words)
    is_usual = message.method in _USUAL or message.method.startswith(_NOTIFICATIONS)
    if not message.method or is_usual or allowed.has_everything:
        return None
    words = f"This virtual key may use tools alone, and not {message.method}"
    if message.id is None:
        raise InvalidRequest(words, field="method")
    return _error(message.id, METHOD_NOT_FOUND, words)


def _error(number: object, code: int, words: str) -> bytes:
    return orjson.dumps({"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": words}})


def shown_to(text: bytes, allowed: Allowed) -> bytes:
    """Return a server's message as a caller sees it: of tools, those that it may use.

    msgspec.DecodeError if it is none.
    """
    if allowed.has_everything or not _may_list(text):
        return text
    found = parsed(text)
    match found:
        case {"result": {"tools": list(tools)} as result}:
            result["tools"] = [each for each in tools if _is_shown(each, allowed)]
            return orjson.dumps(found)
        case _:
            return text


def events_shown_to(block: bytes, allowed: Allowed) -> bytes:
    """Return whole events likewise. msgspec.DecodeError if one makes no sense."""
    if allowed.has_everything or not _may_list(block):
        return block
    return b"\n\n".join(_event(part, allowed) for part in block.split(b"\n\n"))


def _event(part: bytes, allowed: Allowed) -> bytes:
    part = part.removeprefix(BOM_UTF8)
    if not _may_list(part):
        return part
    data = b"\n".join(event.data for event in events_in(part))
    others = [line for line in part.split(b"\n") if not line.startswith(b"data")]
    return b"\n".join((*others, b"data: " + shown_to(data, allowed)))


def _may_list(text: bytes) -> bool:
    """Return whether a text may have a list of tools, however its members' names are written."""
    return _TOOLS in text or b"\\u" in text


def _is_shown(tool: object, allowed: Allowed) -> bool:
    name = tool.get("name") if isinstance(tool, dict) else None
    return isinstance(name, str) and allowed.may_call(name)
