"""Parts of Gemini's answers that must be sent back as they came: where OpenAI's form tells not all.

https://ai.google.dev/gemini-api/docs/code-execution: what the provider's own tools did stands
between the words about it, and pictures where they were drawn. Calls and media are elsewhere in the
message, so parts only say which of them stand here.
"""

from collections.abc import Sequence
from typing import Any

from conduit.v1.chat_message_pb2 import ReasoningDetail
from conduit_providers.codecs.gemini.answer import Part
from conduit_providers.codecs.shared import kept_blocks
from conduit_providers.codecs.shared.kept_blocks import CALL, TEXT, THOUGHT, BlockOrder
from conduit_providers.codecs.shared.media import data_url

Json = dict[str, Any]

# By which such details are known.
PART_FORMAT = "google-gemini-part-v1"


class KeptParts:
    """The parts of one choice, held back until the answer shows that they must be kept."""

    def __init__(self) -> None:
        self._order = BlockOrder()
        self._held: list[Json] = []
        # Of a text that may go on, the pieces; it is the last part that is held.
        self._pieces: list[str] = []
        self._images = 0
        self._others = 0

    def add_thought(self) -> list[Json]:
        """Take in that a thought comes; return the parts before it that must be kept."""
        self._end_text()
        self._order.add(THOUGHT)
        return self._kept()

    def add_text(self, part: Part) -> list[Json]:
        """Take a text; return the parts before it that must be kept."""
        if not self._pieces:
            if not part.text and self._held and "text" in self._held[-1]:
                # The seal of a text that is there already.
                self._held[-1].setdefault("thoughtSignature", part.thought_signature)
                return []
            self._order.add(TEXT)
        found = [] if self._pieces else self._kept()
        self._pieces.append(part.text or "")
        if part.thought_signature:
            self._end_text()
            self._held[-1]["thoughtSignature"] = part.thought_signature
        return found

    def add_call(self, call_id: str) -> list[Json]:
        """Take a call; return the parts that must be kept."""
        return self._add({"functionCall": {"id": call_id}}, CALL)

    def add_media(self, part: Part, *, is_image: bool) -> list[Json]:
        """Take media; return the parts that must be kept."""
        name, at = ("image", self._images) if is_image else ("part", self._others)
        self._images += is_image
        self._others += not is_image
        found: Json = {"inlineData": {name: at}}
        if part.thought_signature:
            found["thoughtSignature"] = part.thought_signature
        return self._add(found, None)

    def add_native(self, part: Json) -> list[Json]:
        """Take what only the API understands; return the parts that must be kept."""
        return self._add(part, None)

    def end(self) -> list[Json]:
        """Return the rest of what must be kept, at the end of the answer."""
        self._end_text()
        return self._kept()

    def _add(self, part: Json, place: int | None) -> list[Json]:
        self._end_text()
        self._order.add(place)
        self._held.append(part)
        return self._kept()

    def _end_text(self) -> None:
        if self._pieces:
            self._held.append({"text": "".join(self._pieces)})
            self._pieces = []

    def _kept(self) -> list[Json]:
        if not self._order.is_lost:
            return []
        held, self._held = self._held, []
        return held


def put_part(detail: ReasoningDetail, part: Json, index: int) -> None:
    """Write a part into a detail."""
    kept_blocks.put_block(detail, PART_FORMAT, part, index)


def part_in(detail: ReasoningDetail) -> Json | None:
    """Return the part that a detail has; None if it has none."""
    return kept_blocks.block_in(detail, PART_FORMAT)


def media_again(part: Json, images: Sequence[object], others: Sequence[object]) -> Json | None:
    """Return a part with the medium that stands here; None if the caller has it no more.

    `images` are the pictures of the message, `others` its parts with other media.
    """
    match part.get("inlineData"):
        case {"image": int(at)} if 0 <= at < len(images):
            found: object = picture(images[at])
        case {"part": int(at)} if 0 <= at < len(others):
            found = others[at]
        case _:
            return None
    if not isinstance(found, dict):
        return None
    return found | {name: part[name] for name in part if name != "inlineData"}


def picture(image: object) -> Json | None:
    """Return the part for a picture of a message; None if it is not in the message itself."""
    match image:
        case {"image_url": {"url": str(url)}} if url.startswith("data:"):
            inline = data_url(url, "messages.images")
            return {"inlineData": {"mimeType": inline.media_type, "data": inline.base64}}
    return None
