"""Blocks of Anthropic's Messages as the parts of a chat's message.

https://platform.claude.com/docs/en/build-with-claude/{vision,pdf-support,search-results}
"""

from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from conduit.v1.json_runtime import JsonError
from conduit.v1.message_json import message_block_from_json
from conduit.v1.message_pb2 import MessageBlock
from conduit_kernel.errors import InvalidRequest, UnsupportedCapability
from conduit_providers.inbound.dropped import Dropped

Json = dict[str, Any]

_UNNAMED = "document.pdf"
# Of a type that a caller gives a block, in an error.
_MAX_KIND = 100


def text_of(block: MessageBlock) -> str:
    """Return the words of a block of text; of others nothing."""
    return block.text if block.type in {"", "text"} else ""


# What parts texts that stand apart.
_APART = "\n\n"
# Blocks that may ask for more than being seen, and what of it is words, or asks for nothing.
_WISHES = frozenset({"image", "document", "search_result"})
_WORDS = frozenset({"context"})
_NO_WISHES: tuple[object, ...] = (None, {}, False, {"enabled": False})


class Parts:
    """Translates the blocks of one request."""

    def __init__(self, dropped: Dropped, *, takes_marks: bool) -> None:
        """Take whether parts may be marked as the ends of prefixes to cache."""
        self._dropped = dropped
        self._takes_marks = takes_marks

    def of(self, blocks: Iterable[MessageBlock]) -> list[Json]:
        """Return the parts. UnsupportedCapability for blocks that a chat cannot have."""
        return [part for block in blocks for part in self._marked(block)]

    def content(self, blocks: Iterable[MessageBlock], between: str = _APART) -> str | list[Json]:
        """Return the blocks as a message's content: texts alone as one, as every server takes."""
        parts = self.of(blocks)
        if all(part.keys() == {"type", "text"} for part in parts):
            return between.join(part["text"] for part in parts)
        return parts

    def mark_of(self, block: MessageBlock) -> Json:
        """Return the mark of a block, as a member; nothing where it has none."""
        if not block.HasField("cache_control"):
            return {}
        if not self._takes_marks:
            self._dropped.add("cache_control")
            return {}
        mark = block.cache_control
        ttl = {"ttl": mark.ttl} if mark.HasField("ttl") else {}
        return {"cache_control": {"type": mark.type, **ttl}}

    def _marked(self, block: MessageBlock) -> list[Json]:
        if block.type in _WISHES:
            self._note_wishes(block)
        parts = list(_parts(block))
        if parts:
            parts[-1] |= self.mark_of(block)
        return parts

    def _note_wishes(self, block: MessageBlock) -> None:
        """Note what a picture or a document asks for beside being seen."""
        wishes = _unknown(block)
        if block.citations_json:
            wishes["citations"] = orjson.loads(block.citations_json)
        for name, value in wishes.items():
            if name not in _WORDS and value not in _NO_WISHES:
                self._dropped.add(f"messages.content.{name}")


def result_blocks(block: MessageBlock) -> list[MessageBlock]:
    """Return what came of a call. InvalidRequest if that is neither a string nor blocks."""
    content = orjson.loads(block.content_json or b"null")
    if content is None:
        return []
    if isinstance(content, str):
        return [MessageBlock(text=content)] if content else []
    return _blocks(content, "messages.content.content")


def _blocks(content: object, path: str) -> list[MessageBlock]:
    if isinstance(content, str):
        return [MessageBlock(text=content)]
    if not isinstance(content, list):
        raise InvalidRequest(f"{path} must be a string or a list", field=path)
    try:
        return [message_block_from_json(each, path) for each in content]
    except JsonError as error:
        raise InvalidRequest(str(error), field=error.path) from error


def _parts(block: MessageBlock) -> Iterator[Json]:
    match block.type:
        case "" | "text":
            # Providers refuse empty texts, which say nothing.
            if block.text:
                yield {"type": "text", "text": block.text}
        case "image":
            yield {"type": "image_url", "image_url": {"url": _url(_source(block), "image")}}
        case "document":
            yield from _document(block)
        case "search_result":
            yield _found(block)
        case "compaction":
            # What was said before, in short; nothing where that failed.
            yield from _summary(block)
        case "tool_reference":
            # Tells Anthropic which of the tools it holds back is meant; here all are there.
            yield {"type": "text", "text": _unknown(block).get("tool_name") or ""}
        case kind:
            named = kind[:_MAX_KIND]
            message = f"Content of type {named} can go to Anthropic alone"
            raise UnsupportedCapability(message, capability=named)


def _source(block: MessageBlock) -> Json:
    source = orjson.loads(block.source_json or b"null")
    if not isinstance(source, dict):
        path = f"messages.content.{block.type}.source"
        raise InvalidRequest(f"{path} must be an object", field=path)
    return source


def _url(source: Json, kind: str) -> str:
    match source:
        case {"type": "base64", "media_type": str(media_type), "data": str(data)}:
            return f"data:{media_type};base64,{data}"
        case {"type": "url", "url": str(url)}:
            return url
        case {"type": "file"}:
            message = "A file at Anthropic can go to Anthropic alone"
            raise UnsupportedCapability(message, capability="files")
        case _:
            path = f"messages.content.{kind}.source"
            raise InvalidRequest(f"{path} is none that is known", field=path)


def _document(block: MessageBlock) -> Iterator[Json]:
    source = _source(block)
    match source:
        case {"type": "text", "data": str(data)}:
            yield {"type": "text", "text": "\n\n".join([*_heading(block), data])}
        case {"type": "content", "content": content}:
            for text in _heading(block):
                yield {"type": "text", "text": text}
            for each in _blocks(content, "messages.content.document.source.content"):
                yield from _parts(each)
        case _:
            if context := _unknown(block).get("context"):
                yield {"type": "text", "text": str(context)}
            file = {"filename": block.title or _UNNAMED, "file_data": _url(source, "document")}
            yield {"type": "file", "file": file}


def _heading(block: MessageBlock) -> list[str]:
    """Return what is said of a document in front of it: its name, and what it is about."""
    said = (block.title, _unknown(block).get("context"))
    return [each for each in said if isinstance(each, str) and each]


def _summary(block: MessageBlock) -> Iterator[Json]:
    text = orjson.loads(block.content_json or b"null")
    if isinstance(text, str) and text:
        yield {"type": "text", "text": text + _APART}


def _found(block: MessageBlock) -> Json:
    """Return a caller's own search result as words: its name, where it is from, what it says."""
    origin = orjson.loads(block.source_json or b"null")
    texts = [text_of(each) for each in result_blocks(block)]
    named = [each for each in (block.title, origin) if isinstance(each, str) and each]
    return {"type": "text", "text": "\n\n".join([*named, *texts])}


def _unknown(block: MessageBlock) -> Json:
    found: Json = orjson.loads(block.unknown_json or b"{}")
    return found
