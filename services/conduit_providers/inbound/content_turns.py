"""Turns of Google's generateContent as a chat has them.

https://ai.google.dev/api/caching#Content: results of functions stand apart in a chat, in front of
what the user says; calls without ids are answered in their order, by their names.
"""

from collections import defaultdict, deque
from collections.abc import Iterable
from typing import Any

import orjson

from conduit_kernel.errors import InvalidRequest, UnsupportedCapability
from conduit_providers.inbound.content_signatures import sealed_in
from conduit_providers.inbound.dropped import Dropped
from conduit_providers.inbound.sealed_thoughts import OpenedThoughts
from conduit_providers.inbound.tool_names import cut

Json = dict[str, Any]

# Members of parts, by the names that Google takes as well.
_CAMEL = {
    "inline_data": "inlineData",
    "file_data": "fileData",
    "mime_type": "mimeType",
    "file_uri": "fileUri",
    "function_call": "functionCall",
    "function_response": "functionResponse",
    "thought_signature": "thoughtSignature",
    "executable_code": "executableCode",
    "code_execution_result": "codeExecutionResult",
    "display_name": "displayName",
}
# What Google's own tools did, which another provider has no word for.
_OWN_TOOLS = frozenset({"executableCode", "codeExecutionResult", "toolCall", "toolResponse"})
# Beside what a part is.
_BESIDE = frozenset({"thought", "thoughtSignature", "videoMetadata", "mediaResolution"})
_FORMATS = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/mp3": "mp3", "audio/mpeg": "mp3"}
_MAX_KIND = 100


class ContentTurns:
    """Translates the turns of one request."""

    def __init__(self, dropped: Dropped) -> None:
        self._dropped = dropped
        self._calls = 0
        # Ids of calls without an answer yet, by the function's name.
        self._open: dict[str, deque[str]] = defaultdict(deque)

    def system(self, instruction: object) -> list[Json]:
        """Return the instructions as one turn."""
        texts = [str(part.get("text") or "") for part in parts_of(instruction)]
        text = "\n\n".join(filter(None, texts))
        return [{"role": "system", "content": text}] if text.strip() else []

    def of(self, contents: object) -> list[Json]:
        """Return the turns. UnsupportedCapability for parts that a chat cannot have.

        InvalidRequest for turns of nobody, and for none at all.
        """
        found: list[Json] = []
        for content in contents if isinstance(contents, list) else [contents]:
            role = content.get("role") if isinstance(content, dict) else None
            match role:
                case "model":
                    found += self._model(parts_of(content))
                case None | "" | "user" | "function":
                    found += self._user(parts_of(content))
                case _:
                    raise InvalidRequest("role must be user or model", field="contents.role")
        if not found:
            raise InvalidRequest("contents must not be empty", field="contents")
        return found

    def _user(self, parts: Iterable[Json]) -> list[Json]:
        results: list[Json] = []
        said: list[Json] = []
        for part in parts:
            if isinstance(answer := part.get("functionResponse"), dict):
                results.append(self._result(answer))
            else:
                said += self._part(part)
        if said:
            results.append({"role": "user", "content": _joined(said)})
        return results

    def _result(self, answer: Json) -> Json:
        name = str(answer.get("name") or "")
        waiting = self._open[name]
        call_id = answer.get("id") or (waiting.popleft() if waiting else "")
        if call_id in waiting:
            waiting.remove(call_id)
        if not call_id:
            message = f"No turn before calls the function {name[:_MAX_KIND]!r}"
            raise InvalidRequest(message, field="contents.parts.functionResponse")
        if answer.get("parts"):
            self._dropped.add("contents.parts.functionResponse.parts")
        response = answer.get("response")
        text = response if isinstance(response, str) else orjson.dumps(response or {}).decode()
        return {"role": "tool", "tool_call_id": call_id, "content": text}

    def _model(self, parts: Iterable[Json]) -> list[Json]:
        opened, thoughts = OpenedThoughts(), list[str]()
        said: list[Json] = []
        calls: list[Json] = []
        for part in parts:
            if kept := sealed_in(part.get("thoughtSignature")):
                opened.add(kept)
            if part.get("thought"):
                thoughts.append(str(part.get("text") or ""))
            elif isinstance(call := part.get("functionCall"), dict):
                calls.append(self._call(call))
            else:
                said += self._part(part)
        found: Json = {**opened.of_turn}
        if said:
            found["content"] = _joined(said, between="")
        if calls:
            found.setdefault("content", None)
            found["tool_calls"] = [opened.of_calls.get(each["id"], {}) | each for each in calls]
        if thought := "".join(thoughts):
            found["reasoning_content"] = thought
        if opened.details:
            found["reasoning_details"] = opened.details
        if not found:
            return []
        found.setdefault("content", "")
        return [{"role": "assistant", **found}]

    def _call(self, call: Json) -> Json:
        name = str(call.get("name") or "")
        call_id = str(call.get("id") or f"call_{self._calls}")
        self._calls += 1
        self._open[name].append(call_id)
        arguments = orjson.dumps(call.get("args") or {}).decode()
        return {
            "id": call_id,
            "type": "function",
            "function": {"name": cut(name), "arguments": arguments},
        }

    def _part(self, part: Json) -> list[Json]:
        """Return what a part says; nothing for what only Google's own tools did."""
        text = part.get("text")
        if isinstance(text, str):
            # Providers refuse empty texts, which say nothing.
            return [{"type": "text", "text": text}] if text else []
        if isinstance(blob := part.get("inlineData"), dict):
            return [_media(_camel(blob))]
        if isinstance(file := part.get("fileData"), dict):
            return [_file(_camel(file))]
        if own := part.keys() & _OWN_TOOLS:
            self._dropped.add(f"contents.parts.{min(own)}")
            return []
        if part.keys() <= _BESIDE:
            return []
        kind = min(part.keys() - _BESIDE)[:_MAX_KIND]
        message = f"A chat has no parts of the kind {kind!r}"
        raise UnsupportedCapability(message, capability="content")


def parts_of(content: object) -> list[Json]:
    """Return the parts of a content, which may be a text or a part itself.

    InvalidRequest if it is none of these.
    """
    if content is None:
        return []
    if isinstance(content, str):
        return [{"text": content}]
    if isinstance(content, dict):
        found = content.get("parts", [] if "role" in content else content)
        listed = found if isinstance(found, list) else [found]
        parts = [{"text": each} if isinstance(each, str) else each for each in listed]
        if all(isinstance(each, dict) for each in parts):
            return [_camel(each) for each in parts]
    raise InvalidRequest("contents must be turns with parts", field="contents")


def _camel(members: Json) -> Json:
    return {_CAMEL.get(name, name): value for name, value in members.items()}


def _joined(parts: list[Json], between: str = "\n\n") -> str | list[Json]:
    """Return parts as a message's content: texts alone as one, as every server takes."""
    if all(part["type"] == "text" for part in parts):
        return between.join(part["text"] for part in parts)
    return parts


def _media(blob: Json) -> Json:
    kind, data = str(blob.get("mimeType") or ""), str(blob.get("data") or "")
    url = f"data:{kind};base64,{data}"
    family = kind.partition("/")[0]
    if family == "image":
        return {"type": "image_url", "image_url": {"url": url}}
    if family == "video":
        return {"type": "video_url", "video_url": {"url": url}}
    if kind in _FORMATS:
        return {"type": "input_audio", "input_audio": {"data": data, "format": _FORMATS[kind]}}
    if family == "audio":
        message = f"A chat takes no sound of the type {kind[:_MAX_KIND]!r}"
        raise UnsupportedCapability(message, capability="audio")
    name = str(blob.get("displayName") or "document")
    return {"type": "file", "file": {"filename": name, "file_data": url}}


def _file(file: Json) -> Json:
    address, kind = str(file.get("fileUri") or ""), str(file.get("mimeType") or "")
    if kind.startswith("video/"):
        return {"type": "video_url", "video_url": {"url": address}}
    if kind.startswith("image/") and address.startswith(("http://", "https://", "gs://")):
        return {"type": "image_url", "image_url": {"url": address}}
    message = "A file by its address is known to Google alone: send it as inlineData"
    raise UnsupportedCapability(message, capability="files")
