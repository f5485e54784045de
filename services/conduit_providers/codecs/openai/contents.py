"""Contents that are no texts, and log probabilities that are no object, put into OpenAI's form.

SDKs add contents up, and look for members of the others. Lists of parts become what is text in
them, and what is thought; anything else is its JSON, or nothing.
"""

import re

import msgspec

from conduit_providers.codecs.openai.tool_calls import NULL, Members, raw
from conduit_providers.json_reading import JsonReader

# As most answers have it, in whose texts its quotes are escaped.
TEXT = b'"content":"'
_CONTENT = b'"content"'
_ODD_CONTENT = re.compile(rb'"content"\s*:\s*[^"n\s]')
_ODD = re.compile(rb'"content"\s*:\s*[^"n\s]|"logprobs"\s*:\s*[^{n\s]')
_read = JsonReader(Members).decode
_read_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_write = msgspec.json.encode


def may_be_odd(written: bytes, choices: int) -> bool:
    """Return whether some of the choices may have another content than a text."""
    return written.count(TEXT) < choices and has_odd(written)


def has_odd(written: bytes) -> bool:
    """Return whether there may be a content that is no text; asked of those without TEXT."""
    # Pieces of calls and of thoughts have none at all, and searching for words is faster.
    at = written.find(_CONTENT)
    return at >= 0 and _ODD_CONTENT.search(written, at) is not None


def in_types(answer: bytes, part: str, *, keeps_lists: bool = False) -> bytes:
    """Return an answer, or an event of one, with the types of OpenAI's; itself where it has them.

    `part` is the member of a choice that says something: `message` or `delta`. With `keeps_lists`
    contents that are lists stay, for who reads them. msgspec.DecodeError if it makes no sense.
    """
    if _ODD.search(answer) is None:
        return answer
    members = _read(answer)
    choices = [_read(each) for each in _read_list(members.get("choices", raw([])))]
    usual = (b'"', b"n", b"[") if keeps_lists else (b'"', b"n")
    if sum(_fit(choice, part, usual) for choice in choices) == 0:
        return answer
    return _write({**members, "choices": choices})


def _fit(choice: Members, part: str, usual: tuple[bytes, ...]) -> bool:
    """Give a choice the types of OpenAI's; return whether it had others.

    `usual` are the beginnings of contents that stay.
    """
    is_odd = not bytes(choice.get("logprobs", NULL)).startswith((b"{", b"n"))
    if is_odd:
        choice["logprobs"] = NULL
    if bytes(choice.get(part, NULL)).startswith(b"{"):
        said = _read(choice[part])
        if not bytes(said.get("content", NULL)).startswith(usual):
            _fit_content(said)
            choice[part] = raw(said)
            is_odd = True
    return is_odd


def _fit_content(said: Members) -> None:
    content = msgspec.json.decode(said["content"])
    if not isinstance(content, list | dict):
        said["content"] = raw(bytes(said["content"]).decode())
        return
    texts, thoughts = list[str](), list[str]()
    for part in content if isinstance(content, list) else [content]:
        _take(part, texts, thoughts)
    said["content"] = raw("".join(texts)) if texts else NULL
    if thoughts:
        said.setdefault("reasoning_content", raw("".join(thoughts)))


def _take(part: object, texts: list[str], thoughts: list[str]) -> None:
    """Add what a part says to the one or the other."""
    match part:
        case str():
            texts.append(part)
        case {"type": "thinking" | "reasoning", **members}:
            inner = members.get("thinking") or members.get("text") or members.get("reasoning")
            for each in inner if isinstance(inner, list) else [inner]:
                _take(each, thoughts, thoughts)
        case {"text": str(text)}:
            texts.append(text)
        case _:
            # A picture, say, for which OpenAI's answers have no place.
            ...
