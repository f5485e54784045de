"""A conversation as Bedrock's Converse requires it.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Message.html: instructions stand
apart, turns of one speaker are joined, tool results are the user's, thoughts go back as they came.
"""

import re
from collections.abc import Iterable
from typing import Any

import orjson

from conduit.v1.chat_message_pb2 import (
    CHAT_ROLE_ASSISTANT,
    CHAT_ROLE_DEVELOPER,
    CHAT_ROLE_SYSTEM,
    CHAT_ROLE_TOOL,
    CHAT_ROLE_USER,
    ChatMessage,
    ContentPart,
    ReasoningDetail,
)
from conduit.v1.chat_tool_pb2 import ToolCall
from conduit_kernel.errors import UnsupportedCapability
from conduit_providers.codecs.anthropic.turns import FORMAT as CLAUDE_FORMAT
from conduit_providers.codecs.bedrock.answer import FORMAT
from conduit_providers.codecs.bedrock.kept_blocks import block_in, words_in
from conduit_providers.codecs.bedrock.media import S3, media, sound
from conduit_providers.codecs.bedrock.options import ChatModel
from conduit_providers.codecs.shared.call_ids import MAX_CHARS as MAX_TOOL_NAME_CHARS
from conduit_providers.codecs.shared.call_ids import CallIds, tool_name
from conduit_providers.codecs.shared.kept_blocks import CallsAgain
from conduit_providers.codecs.shared.turns import (
    arguments_of,
    joined_details,
    no_turns,
    unknown_turn,
)
from conduit_providers.codecs.shared.unsupported import untaken
from conduit_providers.operations.chat import ChatCall

Json = dict[str, Any]

_INSTRUCTING = frozenset({CHAT_ROLE_SYSTEM, CHAT_ROLE_DEVELOPER})
# What names of documents may not have.
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9()\[\]-]+")
MAX_NAME_CHARS = 180
# The documentation recommends a neutral name, because the model may take it for an instruction.
UNNAMED = "document"
# The words of a turn that has none.
ALONE = "See the document."


# Members of a document that are Converse's own.
NATIVE_OF_DOCUMENTS = ("citations", "context")


class Conversation:
    """Translates the messages of one call; notes in the call what is not supported."""

    def __init__(self, call: ChatCall, model: ChatModel, provider: str) -> None:
        self._call = call
        self._caches_prompts = model.caches_prompts
        self._provider = provider
        # Of documents.
        self._names: set[str] = set()
        # By name, the number that the last one alike got.
        self._numbers: dict[str, int] = {}
        self._ids = CallIds()

    def system(self) -> list[Json]:
        """Return the instructions of all turns. UnsupportedCapability if they are not text."""
        blocks: list[Json] = []
        for message in self._call.typed.messages:
            if message.role in _INSTRUCTING:
                self._note_name(message)
                blocks += self._marked(self._contents(message.content), message)
        if any(block.keys() - {"text", "cachePoint"} for block in blocks):
            raise UnsupportedCapability(
                f"{self._provider} takes only text as instructions", capability="vision"
            )
        return blocks

    def turns(self) -> list[Json]:
        """Return the turns of user and assistant, in order. InvalidRequest if there is none."""
        found: list[Json] = []
        for message in self._call.typed.messages:
            if message.role in _INSTRUCTING:
                continue
            role, blocks = self._turn(message)
            while blocks and "reasoningContent" in blocks[-1]:
                # Models refuse turns that end in a thought: the answer was cut off there.
                self._call.drop("messages.reasoning_details", self._provider)
                blocks.pop()
            blocks = self._marked(blocks, message)
            if not blocks:
                continue
            if found and found[-1]["role"] == role:
                found[-1]["content"] += blocks
            else:
                found.append({"role": role, "content": blocks})
        if not found:
            raise no_turns(self._provider)
        for turn in found:
            _put_words(turn["content"])
        return found

    def _marked(self, blocks: list[Json], message: ChatMessage) -> list[Json]:
        is_marked = message.HasField("cache_control") and self._takes_mark()
        if blocks and is_marked and "cachePoint" not in blocks[-1]:
            blocks.append(cache_point(message.cache_control.ttl))
        return blocks

    def _takes_mark(self) -> bool:
        """Return whether the model caches prompts; note that a mark is dropped if not."""
        if not self._caches_prompts:
            self._call.drop("messages.cache_control", self._provider)
        return self._caches_prompts

    def _turn(self, message: ChatMessage) -> tuple[str, list[Json]]:
        self._note_name(message)
        if message.role == CHAT_ROLE_USER:
            return "user", self._contents(message.content)
        if message.role == CHAT_ROLE_ASSISTANT:
            return "assistant", self._assistant(message)
        if message.role == CHAT_ROLE_TOOL:
            return "user", [self._tool_result(message)]
        raise unknown_turn(message, self._provider)

    def _note_name(self, message: ChatMessage) -> None:
        if message.name and message.role != CHAT_ROLE_TOOL:
            self._call.drop("messages.name", self._provider)

    def _contents(self, parts: Iterable[ContentPart]) -> list[Json]:
        blocks: list[Json] = []
        for part in parts:
            block = self._content(part)
            # The API refuses blank texts.
            if "text" in block and not block["text"].strip():
                continue
            blocks.append(block)
            if part.HasField("cache_control") and self._takes_mark():
                blocks.append(cache_point(part.cache_control.ttl))
        return blocks

    def _content(self, part: ContentPart) -> Json:
        match part.WhichOneof("part"):
            case "text":
                return {"text": part.text}
            case "refusal":
                return {"text": part.refusal}
            case "image_url":
                return self._media(part.image_url.url, "image_url.url")
            case "video_url":
                return self._media(part.video_url.url, "video_url.url")
            case "input_audio":
                return sound(part.input_audio.data, part.input_audio.format)
            case "file":
                return self._file(part)
            case _:
                raise untaken(part, self._provider)

    def _media(self, url: str, field: str, filename: str = "") -> Json:
        kind, inside = media(url, self._call, field, filename)
        if kind == "document":
            inside["name"] = self._document_name(filename or url)
        return {kind: inside}

    def _file(self, part: ContentPart) -> Json:
        file = part.file
        if file.file_id and not file.file_id.startswith(S3):
            raise UnsupportedCapability(
                f"{self._provider} keeps no files; it takes their content, or s3:// addresses",
                capability="file_id",
            )
        block = self._media(file.file_data or file.file_id, "file.file_data", file.filename)
        for raw in (file.unknown_json, part.unknown_json):
            unknown: Json = orjson.loads(raw or b"{}")
            for name in NATIVE_OF_DOCUMENTS:
                if name in unknown and "document" in block:
                    block["document"][name] = unknown[name]
        return block

    def _document_name(self, name: str) -> str:
        """Return a name that the API takes, another one for each document of the conversation."""
        whole = "" if name.startswith("data:") else name.rpartition("/")[2]
        stem = whole.rpartition(".")[0] or whole
        plain = _NOT_IN_NAMES.sub(" ", stem).strip()[:MAX_NAME_CHARS] or UNNAMED
        unused, number = plain, self._numbers.get(plain, 1)
        while unused in self._names:
            number += 1
            unused = f"{plain} {number}"
        self._numbers[plain] = number
        self._names.add(unused)
        return unused

    def _assistant(self, message: ChatMessage) -> list[Json]:
        kept = [block for each in message.reasoning_details if (block := block_in(each))]
        said = "".join(part.text for part in message.content)
        if kept and words_in(kept) == said:
            return self._again(message)
        blocks = self._thoughts(message.reasoning_details)
        if message.reasoning_content and not message.reasoning_details:
            # Models refuse thoughts that nobody has signed.
            self._call.drop("messages.reasoning_content", self._provider)
        if message.annotations_json not in {b"", b"[]", b"null"}:
            # Citations go back inside of blocks, or not at all.
            self._call.drop("messages.annotations", self._provider)
        blocks += self._contents(message.content)
        if message.refusal:
            blocks.append({"text": message.refusal})
        blocks += [self._tool_use(each) for each in message.tool_calls]
        return blocks

    def _again(self, message: ChatMessage) -> list[Json]:
        """Return the blocks of an answer as they came, with the calls that the message has."""
        calls = CallsAgain(message.tool_calls)
        blocks: list[Json] = []
        for detail in joined_details(message.reasoning_details):
            match block_in(detail):
                case None:
                    blocks += self._thoughts([detail])
                case {"toolUse": use} as block:
                    blocks += self._used_again(block, use, calls)
                case block:
                    blocks.append(block)
        return blocks + [self._tool_use(each) for each in calls.rest()]

    def _used_again(self, block: Json, use: object, calls: CallsAgain) -> list[Json]:
        """Return the call that the message has here, or the block of a provider's own tool."""
        members = use if isinstance(use, dict) else {}
        if (call := calls.take(members.get("toolUseId"))) is not None:
            return [self._tool_use(call)]
        return [block] if members.get("type") == "server_tool_use" else []

    def _thoughts(self, details: Iterable[ReasoningDetail]) -> list[Json]:
        blocks: list[Json] = []
        for detail in joined_details(details):
            block = _thought(detail)
            if block is None:
                self._call.drop("messages.reasoning_details", self._provider)
            else:
                blocks.append({"reasoningContent": block})
        return blocks

    def _tool_use(self, call: ToolCall) -> Json:
        if not call.HasField("function"):
            raise UnsupportedCapability(
                f"{self._provider} knows no tools with free-form input", capability="custom_tools"
            )
        return {
            "toolUse": {
                "toolUseId": self._ids.of_call(call.id),
                "name": tool_name(call.function.name, MAX_TOOL_NAME_CHARS),
                "input": arguments_of(call.function.arguments),
            }
        }

    def _tool_result(self, message: ChatMessage) -> Json:
        # Words stay words, also where they are JSON: so the model reads what the caller wrote.
        content = [each for each in self._contents(message.content) if "cachePoint" not in each]
        result: Json = {"toolUseId": self._ids.of_result(message.tool_call_id), "content": content}
        unknown = orjson.loads(message.unknown_json or b"{}")
        if unknown.get("is_error"):
            result["status"] = "error"
        return {"toolResult": result}


def calls_without_thoughts(turns: list[Json]) -> bool:
    """Return whether the model's last turn calls tools and does not begin with a thought."""
    last = next((each for each in reversed(turns) if each["role"] == "assistant"), None)
    content: list[Json] = last["content"] if last is not None else []
    has_call = any("toolUse" in block for block in content)
    return has_call and "reasoningContent" not in content[0]


def cache_point(ttl: str | None) -> Json:
    """Return the block that marks the end of what shall be cached; `ttl` is `5m` or `1h`."""
    return {"cachePoint": {"type": "default"} | ({"ttl": ttl} if ttl else {})}


def _put_words(blocks: list[Json]) -> None:
    """Put a word before documents that stand alone, as the API demands one beside them."""
    has_document = any("document" in block for block in blocks)
    if has_document and not any("text" in block for block in blocks):
        blocks.insert(0, {"text": ALONE})


def _thought(detail: ReasoningDetail) -> Json | None:
    """Return a thought as it came; None for one that the API would refuse."""
    if detail.format and detail.format not in {FORMAT, CLAUDE_FORMAT}:
        return None
    if detail.type == "reasoning.text" and detail.signature:
        return {"reasoningText": {"text": detail.text, "signature": detail.signature}}
    if detail.type == "reasoning.encrypted" and detail.data and detail.format != CLAUDE_FORMAT:
        return {"redactedContent": detail.data}
    return None
