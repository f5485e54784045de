"""The messages of a chat in OpenAI's dialect, fitted to a provider that is stricter than OpenAI.

Conversations move between providers and come back as SDKs write them: members that one has made,
another refuses.
"""

from itertools import pairwise, takewhile
from typing import Any

from conduit_providers.codecs.shared.unsupported import DERIVED, is_default
from conduit_providers.operations.chat import ChatCall
from conduit_providers.spec import Endpoint

Json = dict[str, Any]

_MEDIA = frozenset({"image_url", "input_audio", "file", "video_url"})
# What stands in a tool's result for a picture that follows it.
_BELOW = "See the attachment below."


def fit_messages(members: Json, endpoint: Endpoint, call: ChatCall, provider: str) -> None:
    """Fit the messages among a request's members; note in the call what is dropped."""
    messages = members.get("messages")
    if not isinstance(messages, list):
        # The provider judges it.
        return
    fitting = _Fitting(endpoint, call, provider)
    for message in messages:
        if isinstance(message, dict):
            fitting.fit(message)
    options = endpoint.options
    if options.calls_need_thoughts:
        _put_thoughts(messages)
    if options.media_are_the_users:
        members["messages"] = messages = _with_media_apart(messages)
    if options.speakers_alternate:
        members["messages"] = _joined(messages)


class _Fitting:
    """Fits single messages."""

    def __init__(self, endpoint: Endpoint, call: ChatCall, provider: str) -> None:
        self._endpoint = endpoint
        self._call = call
        self._provider = provider

    def fit(self, message: Json) -> None:
        """Fit a message, its parts and its tool calls."""
        if message.get("role") == "developer":
            message["role"] = self._endpoint.options.developer_role or "developer"
        self._fit_members(message, "messages")
        for part in _objects(message.get("content")):
            self._fit_members(part, "messages")
            self._fit_detail(part)
        for each in _objects(message.get("tool_calls")):
            self._fit_members(each, "messages.tool_calls")
            _leave_out_derived(each)

    def _fit_detail(self, part: Json) -> None:
        known, image = self._endpoint.options.image_details, part.get("image_url")
        if not known or not isinstance(image, dict):
            return
        detail = image.get("detail")
        if isinstance(detail, str) and detail not in known:
            del image["detail"]
            self._call.drop("messages.image_url.detail", self._provider)

    def _fit_members(self, part: Json, place: str) -> None:
        for name in sorted(self._endpoint.drop_in_messages & part.keys()):
            value = part.pop(name)
            if name not in DERIVED and not is_default(name, value):
                self._call.drop(f"{place}.{name}", self._provider)
        for name, other in self._endpoint.rename_in_messages.items():
            if name in part:
                part.setdefault(other, part.pop(name))


def _leave_out_derived(call: Json) -> None:
    """Leave out what the SDK adds to a call; streamed ones have their place, which is theirs."""
    for members in (call, call.get("function")):
        if isinstance(members, dict):
            for name in DERIVED & members.keys():
                del members[name]


def _objects(listed: object) -> list[Json]:
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []


def _put_thoughts(messages: list[Any]) -> None:
    """Put empty thoughts where the provider demands some, and another one's model had none."""
    for message in _objects(messages):
        if message.get("role") == "assistant" and message.get("tool_calls"):
            message.setdefault("reasoning_content", "")


def _with_media_apart(messages: list[Any]) -> list[Any]:
    """Return messages whose tools' pictures stand in a turn of the user, behind the results."""
    found: list[Any] = []
    media: list[Json] = []
    for message in messages:
        is_result = isinstance(message, dict) and message.get("role") == "tool"
        if media and not is_result:
            found.append({"role": "user", "content": media})
            media = []
        if is_result:
            media += _taken_out(message)
        found.append(message)
    return [*found, {"role": "user", "content": media}] if media else found


def _taken_out(message: Json) -> list[Json]:
    """Take the media out of a tool's result; return them."""
    parts = message.get("content")
    if not isinstance(parts, list):
        return []
    media = [part for part in parts if _is_media(part)]
    if media:
        message["content"] = [part for part in parts if not _is_media(part)] or _BELOW
    return media


def _is_media(part: object) -> bool:
    kind = part.get("type") if isinstance(part, dict) else None
    return isinstance(kind, str) and kind in _MEDIA


def _joined(messages: list[Any]) -> list[Any]:
    """Return messages in which user and assistant take turns; what one says in a row is joined."""
    groups: list[list[Any]] = []
    for message in messages:
        if groups and _is_same_speaker(groups[-1][-1], message):
            groups[-1].append(message)
        else:
            groups.append([message])
    for first, *others in groups:
        if others:
            first["content"] = _together([first["content"], *(each["content"] for each in others)])
    return [group[0] for group in groups]


def _is_same_speaker(last: object, message: object) -> bool:
    if not (isinstance(last, dict) and isinstance(message, dict)):
        return False
    is_same = last.get("role") == message.get("role") in {"user", "assistant"}
    return is_same and all(isinstance(each.get("content"), str | list) for each in (last, message))


def _together(contents: list[Any]) -> list[Any] | str:
    """Return contents as one: texts are joined, up to the first that has parts."""
    texts = list(takewhile(lambda each: isinstance(each, str), contents))
    text = "\n\n".join(filter(None, texts))
    if len(texts) == len(contents):
        return text
    parts = _parts(text)
    for each in contents[len(texts) :]:
        parts += _parts(each)
    return parts


def _parts(content: object) -> list[Any]:
    if isinstance(content, list):
        return list(content)
    return [{"type": "text", "text": content}] if content else []


def with_answers(messages: list[Any], words: str) -> list[Any]:
    """Return messages in which the assistant speaks between a tool's result and the user."""
    found = messages[:1]
    for last, message in pairwise(messages):
        roles = [each.get("role") if isinstance(each, dict) else "" for each in (last, message)]
        if roles == ["tool", "user"]:
            found.append({"role": "assistant", "content": words})
        found.append(message)
    return found
