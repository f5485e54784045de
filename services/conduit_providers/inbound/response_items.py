"""Items of a streamed response, each with the events that tell it.

https://platform.openai.com/docs/api-reference/responses-streaming; openai 3.57.0, the Python SDK:
types.responses.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import msgspec

from conduit_providers.inbound.response_tools import INPUT, GivenTool
from conduit_providers.inbound.sealed_thoughts import sealed
from conduit_providers.json_reading import parsed

Json = dict[str, Any]
IN_PROGRESS, COMPLETED, INCOMPLETE = "in_progress", "completed", "incomplete"
_NO_ARGUMENTS = "{}"


class OutputItem(ABC):
    """An item of the answer, with its place."""

    # How its ids begin, as OpenAI's do, which refuses others.
    prefix: ClassVar[str]

    def __init__(self, item_id: str, index: int) -> None:
        self._id = self.prefix + item_id
        self._index = index
        # Whether nothing more will come of it.
        self.is_finished = False

    @abstractmethod
    def written(self, status: str) -> Json:
        """Return the item as it is by now."""

    @abstractmethod
    def _closing(self) -> Iterator[Json]:
        """Yield the events that end its parts."""

    def begin(self) -> list[Json]:
        """Return the events that begin it."""
        item = self.written(IN_PROGRESS)
        return [{"type": "response.output_item.added", "output_index": self._index, "item": item}]

    def end(self, status: str) -> list[Json]:
        """Return the events that end it."""
        found = list(self._closing())
        item = self.written(status)
        found.append(
            {"type": "response.output_item.done", "output_index": self._index, "item": item}
        )
        return found

    def _event(self, kind: str, **members: object) -> Json:
        place = {"item_id": self._id, "output_index": self._index}
        return {"type": f"response.{kind}", **place, **members}


class ThoughtItem(OutputItem):
    """A thought, as a summary if one was asked for, with what its provider wants back.

    What is sealed in it makes it known as none of OpenAI's, which refuses others' thoughts.
    """

    prefix = "rs_"

    def __init__(self, item_id: str, index: int, *, is_summary: bool) -> None:
        super().__init__(item_id, index)
        self._is_summary = is_summary
        self._texts: list[str] = []
        self._kept: Json = {"details": []}

    def add(self, text: str) -> Iterator[Json]:
        """Take more of it; yield its events."""
        if not self._texts:
            yield self._part("added", "")
        self._texts.append(text)
        yield self._text("delta", delta=text)

    def keep(self, members: Json) -> None:
        """Take what its provider wants back."""
        self._kept |= members

    def written(self, status: str) -> Json:
        """Return the item as it is by now."""
        item: Json = {"type": "reasoning", "id": self._id, "summary": [], "status": status}
        parts = [self._written_part("".join(self._texts))] if self._texts else []
        if self._is_summary:
            item["summary"] = parts
        elif parts:
            item["content"] = parts
        item["encrypted_content"] = sealed(self._kept)
        return item

    def _closing(self) -> Iterator[Json]:
        if self._texts:
            text = "".join(self._texts)
            yield self._text("done", text=text)
            yield self._part("done", text)

    def _text(self, kind: str, **members: str) -> Json:
        if self._is_summary:
            return self._event(f"reasoning_summary_text.{kind}", summary_index=0, **members)
        return self._event(f"reasoning_text.{kind}", content_index=0, **members)

    def _part(self, kind: str, text: str) -> Json:
        part = self._written_part(text)
        if self._is_summary:
            return self._event(f"reasoning_summary_part.{kind}", summary_index=0, part=part)
        return self._event(f"content_part.{kind}", content_index=0, part=part)

    def _written_part(self, text: str) -> Json:
        return {"type": "summary_text" if self._is_summary else "reasoning_text", "text": text}


class _Part:
    """A part of what was said."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.texts: list[str] = []
        self.logprobs: list[Json] = []
        self.annotations: list[Json] = []

    def written(self) -> Json:
        text = "".join(self.texts)
        if self.kind == "refusal":
            return {"type": "refusal", "refusal": text}
        members = {"annotations": list(self.annotations), "logprobs": list(self.logprobs)}
        return {"type": "output_text", "text": text, **members}


class SaidItem(OutputItem):
    """A message of the model's."""

    prefix = "msg_"

    def __init__(self, item_id: str, index: int) -> None:
        super().__init__(item_id, index)
        self._parts: list[_Part] = []

    def add(self, text: str, logprobs: Sequence[Json] = ()) -> Iterator[Json]:
        """Take more words; yield their events."""
        yield from self._turn_to("output_text")
        part = self._parts[-1]
        part.texts.append(text)
        part.logprobs += logprobs
        yield self._of_part("output_text.delta", delta=text, logprobs=list(logprobs))

    def refuse(self, text: str) -> Iterator[Json]:
        """Take more of the words in which the model will not answer; yield their events."""
        yield from self._turn_to("refusal")
        self._parts[-1].texts.append(text)
        yield self._of_part("refusal.delta", delta=text)

    def cite(self, annotation: Json) -> Iterator[Json]:
        """Take what the words cite; yield the event."""
        yield from self._turn_to("output_text")
        cited = self._parts[-1].annotations
        members = {"annotation_index": len(cited), "annotation": annotation}
        yield self._of_part("output_text.annotation.added", **members)
        cited.append(annotation)

    def written(self, status: str) -> Json:
        """Return the item as it is by now."""
        content = [part.written() for part in self._parts]
        item = {"type": "message", "id": self._id, "status": status, "role": "assistant"}
        return {**item, "content": content}

    def _closing(self) -> Iterator[Json]:
        if not self._parts:
            return
        part = self._parts[-1]
        text = "".join(part.texts)
        if part.kind == "refusal":
            yield self._of_part("refusal.done", refusal=text)
        else:
            yield self._of_part("output_text.done", text=text, logprobs=list(part.logprobs))
        yield self._of_part("content_part.done", part=part.written())

    def _turn_to(self, kind: str) -> Iterator[Json]:
        if self._parts and self._parts[-1].kind == kind:
            return
        yield from self._closing()
        self._parts.append(_Part(kind))
        yield self._of_part("content_part.added", part=self._parts[-1].written())

    def _of_part(self, kind: str, **members: object) -> Json:
        return self._event(kind, content_index=len(self._parts) - 1, **members)


class CallItem(OutputItem):
    """A call of a function."""

    prefix = "fc_"

    def __init__(self, item_id: str, index: int, call_id: str, tool: GivenTool) -> None:
        super().__init__(item_id, index)
        self._call_id = call_id
        self._tool = tool
        self._pieces: list[str] = []

    @property
    def is_whole(self) -> bool:
        """Return whether its arguments are an object, of which no more can come."""
        return self._object() is not None

    def add(self, text: str) -> Iterator[Json]:
        """Take more of the arguments; yield their events."""
        self._pieces.append(text)
        yield self._event("function_call_arguments.delta", delta=text)

    def written(self, status: str) -> Json:
        """Return the item as it is by now."""
        return self._call("function_call", status) | {"arguments": "".join(self._pieces)}

    def _closing(self) -> Iterator[Json]:
        if not "".join(self._pieces).strip():
            # Nothing at all is no JSON, which callers read.
            self._pieces.clear()
            yield from self.add(_NO_ARGUMENTS)
        yield self._event("function_call_arguments.done", arguments="".join(self._pieces))

    def _call(self, kind: str, status: str) -> Json:
        item = {"type": kind, "id": self._id, "status": status, "call_id": self._call_id}
        item["name"] = self._tool.name
        if self._tool.namespace:
            item["namespace"] = self._tool.namespace
        return item

    def _object(self) -> Json | None:
        try:
            found = parsed("".join(self._pieces).encode())
        except msgspec.DecodeError:
            return None
        return found if isinstance(found, dict) else None


class CustomCallItem(CallItem):
    """A call of a tool with free-form input, told once it is whole: it comes inside of JSON."""

    prefix = "ctc_"

    def add(self, text: str) -> Iterator[Json]:
        """Take more of the arguments."""
        self._pieces.append(text)
        yield from ()

    def written(self, status: str) -> Json:
        """Return the item as it is by now."""
        return self._call("custom_tool_call", status) | {
            "input": "" if status == IN_PROGRESS else self._input()
        }

    def _closing(self) -> Iterator[Json]:
        text = self._input()
        yield self._event("custom_tool_call_input.delta", delta=text)
        yield self._event("custom_tool_call_input.done", input=text)

    def _input(self) -> str:
        """Return the input; all that the model wrote where it did not keep to its one text."""
        found = self._object()
        text = found.get(INPUT) if found is not None else None
        return text if isinstance(text, str) else "".join(self._pieces)
