"""The members of a chat's body that Mistral requires otherwise than OpenAI.

https://docs.mistral.ai/api/endpoint/chat, and the types of the newest official SDK.
"""

import hashlib
import re
from typing import Any

import msgspec
import orjson

from conduit_kernel.errors import InvalidRequest, UnsupportedCapability
from conduit_providers.codecs.mistral.answer import FORMAT
from conduit_providers.codecs.openai.messages import with_answers
from conduit_providers.codecs.shared.turns import said_once
from conduit_providers.codecs.shared.unsupported import no_functions
from conduit_providers.json_reading import parsed
from conduit_providers.operations.chat import ChatCall

Json = dict[str, Any]

# What the assistant says between a tool's result and the user, where it said nothing.
BETWEEN = "OK."
NO_ARGUMENTS: Json = {"type": "object", "properties": {}}
# OpenAI's words for latency tiers, in Mistral's.
SERVICE_TIERS = {"auto": "auto", "default": "standard_only", "standard_only": "standard_only"}
# Mistral refuses other ids of tool calls.
_CALL_ID = re.compile("[a-zA-Z0-9]{9}")
_ID_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_LENGTH = 9
# A body without any of these is right as it is.
_MARKS = (
    b'"assistant"',
    b'"tools"',
    b'"tool"',
    b'"name"',
    b'"file"',
    b'"input_audio"',
    b'"video_url"',
    b'"service_tier"',
    b'"functions"',
)


def fitted(body: bytes, call: ChatCall, provider: str) -> bytes:
    """Return a body of OpenAI's dialect as Mistral requires it.

    InvalidRequest if it is not JSON, UnsupportedCapability for what Mistral does not do.
    """
    if not any(mark in body for mark in _MARKS):
        return body
    try:
        members: Json = parsed(body)
    except msgspec.DecodeError as error:
        raise InvalidRequest("The request is not JSON", field="") from error
    _Fitting(call, provider).fit(members)
    return orjson.dumps(members)


class _Fitting:
    """Changes one body in place; notes in the call what is not supported."""

    def __init__(self, call: ChatCall, provider: str) -> None:
        self._call = call
        self._provider = provider

    def fit(self, members: Json) -> None:
        """Change the members of a body."""
        if members.get("functions"):
            raise no_functions(self._provider)
        self._fit_tier(members)
        self._fit_tools(members)
        messages = members.get("messages")
        if isinstance(messages, list):
            # Mistral refuses a user who speaks right after a tool.
            members["messages"] = messages = with_answers(messages, BETWEEN)
        for message in messages if isinstance(messages, list) else ():
            if isinstance(message, dict):
                self._fit_message(message)
        last = messages[-1] if isinstance(messages, list) and messages else None
        if (
            isinstance(last, dict)
            and last.get("role") == "assistant"
            and not last.get("tool_calls")
        ):
            # Otherwise Mistral refuses a conversation that ends with the model's own words.
            last["prefix"] = True

    def _drop(self, parameter: str) -> None:
        self._call.drop(parameter, self._provider)

    def _refused(self, what: str, capability: str) -> UnsupportedCapability:
        return UnsupportedCapability(f"{self._provider} {what}", capability=capability)

    def _fit_tier(self, members: Json) -> None:
        tier = members.pop("service_tier", None)
        if isinstance(tier, str) and tier in SERVICE_TIERS:
            members["service_tier"] = SERVICE_TIERS[tier]
        elif tier is not None:
            self._drop("service_tier")

    def _fit_tools(self, members: Json) -> None:
        tools = members.get("tools")
        for tool in tools if isinstance(tools, list) else ():
            if not isinstance(tool, dict):
                continue
            if tool.get("type") == "custom":
                raise self._refused("knows no tools with free-form input", "custom_tools")
            if isinstance(tool.get("function"), dict):
                # Mistral demands a schema.
                tool["function"].setdefault("parameters", NO_ARGUMENTS)
        self._fit_choice(members)

    def _fit_choice(self, members: Json) -> None:
        match members.get("tool_choice"):
            case "required":
                members["tool_choice"] = "any"
            case {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": list(listed)}}:
                names = {_function_name(tool) for tool in listed}
                offered = members.get("tools") or []
                members["tools"] = [tool for tool in offered if _function_name(tool) in names]
                members["tool_choice"] = "any" if mode == "required" else mode
            case {"type": "custom"}:
                raise self._refused("knows no tools with free-form input", "custom_tools")

    def _fit_message(self, message: Json) -> None:
        if message.get("role") != "tool" and message.pop("name", None) is not None:
            self._drop("messages.name")
        if isinstance(message.get("content"), list):
            message["content"] = [self._part(part) for part in message["content"]]
        refusal = message.pop("refusal", None)
        if refusal:
            message["content"] = [*_parts(message), {"type": "text", "text": refusal}]
        thoughts = self._thoughts(message)
        if thoughts:
            message["content"] = thoughts + _parts(message)
        if isinstance(message.get("tool_call_id"), str):
            message["tool_call_id"] = short_id(message["tool_call_id"])
        calls = message.get("tool_calls")
        for each in calls if isinstance(calls, list) else ():
            if isinstance(each, dict):
                self._fit_call(each)

    def _fit_call(self, call: Json) -> None:
        if call.get("type") == "custom":
            raise self._refused("knows no tools with free-form input", "custom_tools")
        if isinstance(call.get("id"), str):
            call["id"] = short_id(call["id"])
        if call.pop("extra_content", None) is not None:
            self._drop("messages.tool_calls.extra_content")

    def _part(self, part: object) -> object:
        match part:
            case {"type": "file", "file": {"file_id": str(file_id)}}:
                return {"type": "file", "file_id": file_id}
            case {"type": "file", "file": {"file_data": str(data)} as file}:
                return _document(data, file.get("filename"))
            case {"type": "input_audio", "input_audio": {"data": str(data)}}:
                return {"type": "input_audio", "input_audio": data}
            case {"type": "refusal", "refusal": str(text)}:
                return {"type": "text", "text": text}
            case {"type": "video_url"}:
                raise self._refused("takes no content of type video_url", "video_url")
            case _:
                return part

    def _thoughts(self, message: Json) -> list[Json]:
        details = message.pop("reasoning_details", None)
        text = message.pop("reasoning_content", None)
        if not details:
            return [_thinking({"text": text})] if isinstance(text, str) and text else []
        thoughts = []
        for detail in _joined(details):
            # A caller may put anything there, also what no set can be asked for.
            if detail.get("type") == "reasoning.text" and detail.get("format") in (None, FORMAT):
                thoughts.append(_thinking(detail))
            else:
                self._drop("messages.reasoning_details")
        return thoughts


def short_id(call_id: str) -> str:
    """Return an id of a tool call as Mistral requires it: the same always for the same."""
    if _CALL_ID.fullmatch(call_id):
        return call_id
    number = int.from_bytes(hashlib.sha256(call_id.encode()).digest())
    letters = []
    for _ in range(_ID_LENGTH):
        number, at = divmod(number, len(_ID_LETTERS))
        letters.append(_ID_LETTERS[at])
    return "".join(letters)


def _function_name(tool: object) -> str | None:
    match tool:
        case {"function": {"name": str(name)}}:
            return name
        case _:
            return None


def _parts(message: Json) -> list[object]:
    content = message.get("content")
    if isinstance(content, list):
        return content
    return [{"type": "text", "text": content}] if content else []


def _document(data: str, name: object) -> Json:
    if data.startswith("data:image/"):
        return {"type": "image_url", "image_url": data}
    part: Json = {"type": "document_url", "document_url": data}
    return part | ({"document_name": name} if name else {})


def _joined(details: object) -> list[Json]:
    """Return whole thoughts, also where a caller only strung the pieces of a stream together."""
    whole: list[Json] = []
    texts: list[list[str]] = []
    for detail in details if isinstance(details, list) else ():
        if not isinstance(detail, dict):
            continue
        last = whole[-1] if whole else {}
        place = (detail.get("index"), detail.get("type"))
        if place[0] is not None and place == (last.get("index"), last.get("type")):
            texts[-1].append(_text_of(detail))
            last["signature"] = detail.get("signature") or last.get("signature")
        else:
            whole.append(dict(detail))
            if isinstance(form := detail.get("format"), str):
                whole[-1]["format"] = said_once(form)
            texts.append([_text_of(detail)])
    return [
        {**detail, "text": "".join(pieces)} if len(pieces) > 1 else detail
        for detail, pieces in zip(whole, texts, strict=True)
    ]


def _text_of(detail: Json) -> str:
    text = detail.get("text")
    return text if isinstance(text, str) else ""


def _thinking(detail: Json) -> Json:
    chunk: Json = {
        "type": "thinking",
        "thinking": [{"type": "text", "text": _text_of(detail)}],
        "closed": True,
    }
    return chunk | ({"signature": detail["signature"]} if detail.get("signature") else {})
