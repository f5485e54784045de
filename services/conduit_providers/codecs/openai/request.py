"""The body of a request in OpenAI's dialect, out of the caller's own.

Most requests need no more than another model name, so their bytes are never taken apart: a search
shows whether anything must change. Only then is the body read, changed and written anew.
"""

import re
from typing import Any

import msgspec
import orjson

from conduit_kernel.errors import InvalidRequest
from conduit_providers.calls import Call
from conduit_providers.codecs.openai.messages import fit_messages
from conduit_providers.codecs.openai.options import ChatOptions
from conduit_providers.codecs.shared.json_instruction import json_instruction
from conduit_providers.codecs.shared.unsupported import is_default
from conduit_providers.json_reading import parsed
from conduit_providers.model_rows import ValueMap
from conduit_providers.operations.chat import ChatCall
from conduit_providers.spec import Endpoint
from conduit_providers.wire import JSON_HEADERS, Headers

# A name could hide from the search behind an escape of a printable ASCII character.
_HIDING_ESCAPE = re.compile(rb"\\u00[2-7]")
_MODEL = re.compile(rb'"model"\s*:\s*"((?:[^"\\]|\\.)*)"')
_STREAM = re.compile(rb'"stream"\s*:\s*true')
_NO_STREAM = re.compile(rb'"stream"\s*:\s*(?:false|null)')
_NO_TOOLS = re.compile(rb'"tools"\s*:\s*\[\s*\]')
_MEDIA = re.compile(rb'"(?:image_url|input_audio|file|video_url)"')
_DERIVED = re.compile(rb'"(?:index|parsed_arguments)"')
_SAMPLING = frozenset({"temperature", "top_p"})
_WITH_USAGE = b'"stream_options":{"include_usage":true},'


def headers_of(endpoint: Endpoint) -> Headers:
    """Return the headers of every request of an endpoint."""
    if not endpoint.headers:
        return JSON_HEADERS
    return JSON_HEADERS + tuple(endpoint.headers.items())


def chat_body(call: ChatCall, endpoint: Endpoint, provider: str) -> bytes:
    """Return the body for a chat. InvalidRequest if the request is not a JSON object."""
    raw = call.request.json_at_hand or call.request.json
    if _must_change(raw, endpoint, call.model) or _must_fit(raw, endpoint.options):
        return _rewritten_chat(call, endpoint, provider)
    body = with_model(raw, call.alias, call.model)
    if body is not None:
        if call.stream:
            body = _with_stream(body, call, endpoint)
        elif not _is_whole(body):
            body = None
    return _rewritten_chat(call, endpoint, provider) if body is None else body


def fitted_body(call: Call[Any], endpoint: Endpoint, provider: str) -> bytes:
    """Return a body of members that need no more than to be fitted.

    InvalidRequest if the request is not a JSON object.
    """
    raw = call.request.json
    if not _must_change(raw, endpoint, call.model):
        body = with_model(raw, call.alias, call.model)
        if body is not None:
            return body
    return orjson.dumps(fitted_members(call, endpoint, provider))


def fitted_members(call: Call[Any], endpoint: Endpoint, provider: str) -> dict[str, Any]:
    """Return a request's members as the model takes them. InvalidRequest if it is no object."""
    members = _members(call.request.json)
    members["model"] = call.model
    fit(members, endpoint, call, provider)
    return members


def _must_change(raw: bytes, endpoint: Endpoint, model: str) -> bool:
    # Not `in`, here and below: of bytes that takes twice as long, as it tries a number first.
    if raw.find(b"\\") >= 0 and _HIDING_ESCAPE.search(raw):
        return True
    # Nothing to look for is the most common case, and asks for no more than this.
    scanners = endpoint.known_scanners.get(model)
    return scanners != () and not endpoint.passes(raw, model)


def _must_fit(raw: bytes, options: ChatOptions) -> bool:
    """Return whether the messages, or the tools, may have to be otherwise."""
    if raw.find(b'"tool') >= 0:
        if b'"tools"' in raw and _NO_TOOLS.search(raw):
            return True
        if b'"tool_calls"' in raw and (options.calls_need_thoughts or _DERIVED.search(raw)):
            return True
        if not options.takes_json_with_tools and b'"response_format"' in raw:
            return True
        if options.media_are_the_users and b'"tool"' in raw and _MEDIA.search(raw):
            return True
    if options.speakers_alternate and raw.count(b'"role"') > 1:
        return True
    return (bool(options.developer_role) and raw.find(b'"developer"') >= 0) or (
        bool(options.image_details) and raw.find(b'"detail"') >= 0
    )


def hides_names(raw: bytes) -> bool:
    """Return whether a member's name may be written so that a search does not find it."""
    return b"\\u00" in raw and _HIDING_ESCAPE.search(raw) is not None


def with_model(raw: bytes, alias: str, model: str) -> bytes | None:
    """Return the body with the model's own name; None if it does not stand where it can be seen."""
    at = raw.find(b'"model"')
    if at < 0 or raw.find(b'"model"', at + 7) >= 0:
        # Of two members with this name, the provider must not take another one than we did.
        return None
    if alias == model:
        return raw
    found = _MODEL.match(raw, at)
    if found is None:
        return None
    return b'%b"model":%b%b' % (raw[:at], orjson.dumps(model), raw[found.end() :])


def _is_whole(raw: bytes) -> bool:
    """Return whether a body asks for no stream and nothing that goes with one; False if unsure."""
    first = raw.find(b'"stream')
    if first < 0:
        return True
    if raw.find(b'"stream_options"', first) >= 0:
        return False
    at = raw.find(b'"stream"', first)
    if at < 0:
        return True
    return raw.find(b'"stream"', at + 8) < 0 and _NO_STREAM.match(raw, at) is not None


def _with_stream(raw: bytes, call: ChatCall, endpoint: Endpoint) -> bytes | None:
    """Return the body of a stream with the usage asked for; None if unsure."""
    at = raw.find(b'"stream"')
    if at < 0 or raw.find(b'"stream"', at + 8) >= 0 or not _STREAM.match(raw, at):
        return None
    takes_options = "stream_options" not in endpoint.drop
    if raw.find(b'"stream_options"') >= 0:
        # The caller asks for the usage already.
        return raw if takes_options and call.include_usage else None
    if not takes_options:
        return raw
    start = raw.find(b"{") + 1
    return raw[:start] + _WITH_USAGE + raw[start:]


def _rewritten_chat(call: ChatCall, endpoint: Endpoint, provider: str) -> bytes:
    members = _members(call.request.json)
    members["model"] = call.model
    _set_stream(members, call, endpoint)
    fit(members, endpoint, call, provider)
    if members.get("tools") == []:
        # Providers refuse an empty list, and choices without one.
        for name in ("tools", "tool_choice", "parallel_tool_calls"):
            members.pop(name, None)
    if not endpoint.options.takes_json_with_tools and members.get("tools"):
        _instruct(members, call, provider)
    fit_messages(members, endpoint, call, provider)
    return orjson.dumps(members)


def _instruct(members: dict[str, Any], call: ChatCall, provider: str) -> None:
    """Say a JSON format in words, beside tools, where the provider takes not both."""
    words = json_instruction(call.typed.response_format)
    messages = members.get("messages")
    if words and isinstance(messages, list):
        call.drop("response_format", provider)
        del members["response_format"]
        members["messages"] = [{"role": "system", "content": words}, *messages]


def _members(raw: bytes) -> dict[str, Any]:
    try:
        members = parsed(raw)
    except msgspec.DecodeError as error:
        raise InvalidRequest("The request is not JSON", field="") from error
    if not isinstance(members, dict):
        raise InvalidRequest("The request must be a JSON object", field="")
    return members


def _set_stream(members: dict[str, Any], call: ChatCall, endpoint: Endpoint) -> None:
    options = members.pop("stream_options", None)
    if not call.stream:
        members.pop("stream", None)
        return
    members["stream"] = True
    if "stream_options" not in endpoint.drop:
        options = options if isinstance(options, dict) else {}
        members["stream_options"] = {**options, "include_usage": True}


def fit(members: dict[str, Any], endpoint: Endpoint, call: Call[Any], provider: str) -> None:
    """Drop, rename and map members as the catalog says of an endpoint and a model."""
    rules = endpoint.rules_of(call.model)
    for rule in rules:
        for name in rule.drop & members.keys() & _SAMPLING:
            # The default of the models that take no other.
            if members[name] == 1:
                del members[name]
    dropped = endpoint.drop.union(*(rule.drop for rule in rules))
    dropped = dropped if call.may_choose else dropped | endpoint.choosing
    for name in sorted(dropped & members.keys()):
        if not is_default(name, members.pop(name)):
            call.drop(name, provider)
    _fit_values(members, endpoint, call, provider)
    # In the catalog's order, so that equal calls give equal bytes.
    for names in (endpoint.rename, *(rule.rename for rule in rules)):
        for name, other in names.items():
            if name in members:
                value = members.pop(name)
                if members.setdefault(other, value) != value:
                    # The caller has said both, and the provider's own name counts.
                    call.drop(name, provider)


def _fit_values(
    members: dict[str, Any], endpoint: Endpoint, call: Call[Any], provider: str
) -> None:
    for values in endpoint.value_maps_of(call.model):
        if isinstance(members.get(values.parameter), str):
            _fit_value(members, values, call, provider)


def _fit_value(members: dict[str, Any], values: ValueMap, call: Call[Any], provider: str) -> None:
    name = values.parameter
    value = members[name]
    if value in values.replace:
        del members[name]
        for member, replacement in values.replace[value].items():
            members.setdefault(member, replacement)
    elif value in values.exact:
        members[name] = values.exact[value]
    elif (closest := values.closest.get(value, values.closest.get("*"))) is not None:
        call.drop(name, provider)
        members[name] = closest
        if not closest:
            del members[name]
