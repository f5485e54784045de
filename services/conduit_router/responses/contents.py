"""What is kept of a response: what was asked, and what was responded."""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from conduit.internal.v1.response_storage_service_pb2 import KeptResponse
from conduit_kernel.errors import MalformedJson, RequestTooLarge
from conduit_kernel.not_found_errors import ResponseNotFound
from conduit_kernel.secrets import Vault
from conduit_providers.inbound.sealed_thoughts import sealed_nothing
from conduit_providers.json_reading import parsed

Json = dict[str, Any]

# Conversations are text that repeats itself; more effort takes longer and saves little.
_LEVEL = 1


class ResponseRecord(NamedTuple):
    """A response that its owner can go on from."""

    id: str
    # A virtual key.
    owner: int
    # The one that it goes on from, where that is kept here; empty for none.
    previous_id: str
    provider_id: int
    key_id: str
    account_group: str
    # JSON of a Content; empty where the provider keeps it.
    content: bytes = b""

    @property
    def is_kept_here(self) -> bool:
        """Return whether Conduit keeps what was said, rather than the provider."""
        return bool(self.content)


class Content(msgspec.Struct):
    """A turn of a conversation: its input, and the response to it."""

    # Of this turn alone.
    input: msgspec.Raw
    response: msgspec.Raw
    # What its stream said, once it has ended; empty if that is not known, None for one that was
    # not asked for in the background as a stream.
    events: str | None = None


class _Background(msgspec.Struct):
    background: object = None


class _Output(msgspec.Struct):
    output: list[Json] = []


def content_of(asked: bytes, response: bytes, events: bytes | None = None) -> bytes:
    """Return the content of a record, given the JSON of an input and of a response."""
    said = events.decode() if events is not None else None
    return msgspec.json.encode(Content(msgspec.Raw(asked), msgspec.Raw(response), said))


def with_response(content: bytes, response: bytes) -> bytes:
    """Return content with another response to the same input."""
    found = msgspec.json.decode(content, type=Content)
    found.response = msgspec.Raw(response)
    return msgspec.json.encode(found)


def kept_events(record: ResponseRecord) -> bytes | None:
    """Return what the stream of a response that is kept here said; see `Content`."""
    events = msgspec.json.decode(record.content, type=Content).events
    return events.encode() if events is not None else None


def sealed(records: Iterable[ResponseRecord], vault: Vault) -> list[KeptResponse]:
    """Return records as they are kept."""
    return [
        KeptResponse(
            id=each.id,
            virtual_key_id=each.owner,
            previous_id=each.previous_id,
            provider_id=each.provider_id,
            key_id=each.key_id,
            account_group=each.account_group,
            content=each.content
            and vault.seal_answer(
                zlib.compress(each.content, _LEVEL), _owner_of(each.owner, each.id)
            ),
        )
        for each in records
    ]


def opened(kept: Iterable[KeptResponse], vault: Vault, most: int) -> list[ResponseRecord]:
    """Return records that were kept, whose contents have so many bytes at most.

    ResponseNotFound if one cannot be read any more, RequestTooLarge if they have more.
    """
    found, left = list[ResponseRecord](), most
    for each in kept:
        record = _opened(each, vault, left)
        left -= len(record.content)
        if left < 0:
            raise too_large(most)
        found.append(record)
    return found


def _opened(kept: KeptResponse, vault: Vault, most: int) -> ResponseRecord:
    """Return a record, whose content is cut off behind so many bytes and one more."""
    content = b""
    if kept.content:
        found = vault.open_answer(kept.content, _owner_of(kept.virtual_key_id, kept.id))
        if found is None:
            message = f"The response {kept.id} was kept with an encryption key that is gone"
            raise ResponseNotFound(message, response_id=kept.id)
        # What was compressed may be a thousand times as much. None at most would be any number.
        content = zlib.decompressobj().decompress(found, max(most, 0) + 1)
    return ResponseRecord(
        kept.id,
        kept.virtual_key_id,
        kept.previous_id,
        kept.provider_id,
        kept.key_id,
        kept.account_group,
        content,
    )


def too_large(most: int) -> RequestTooLarge:
    """Return the error of a conversation that is larger than a request may be."""
    message = "The conversation that the request goes on from is too large"
    return RequestTooLarge(message, field="previous_response_id", limit_bytes=str(most))


def _owner_of(owner: int, response_id: str) -> str:
    return f"response_{response_id}_of_virtual_key_{owner}"


def response_in(record: ResponseRecord) -> bytes:
    """Return the JSON of a response that is kept here."""
    return bytes(msgspec.json.decode(record.content, type=Content).response)


def is_background(record: ResponseRecord) -> bool:
    """Return whether a response that is kept here was made while nobody waited."""
    response = msgspec.json.decode(record.content, type=Content).response
    return msgspec.json.decode(response, type=_Background).background is True


def conversation(records: Sequence[ResponseRecord]) -> list[Json]:
    """Return what a request goes on from, as the input of another one."""
    found: list[Json] = []
    for record in records:
        content = msgspec.json.decode(record.content, type=Content)
        found += items_in(bytes(content.input))
        output = msgspec.json.decode(content.response, type=_Output).output
        found += map(as_input, output)
    return found


def output_of(record: ResponseRecord) -> list[Json]:
    """Return the items of a response that is kept here."""
    return msgspec.json.decode(response_in(record), type=_Output).output


def input_items(records: Sequence[ResponseRecord]) -> list[Json]:
    """Return what a response was made from, each with an id."""
    found: list[Json] = []
    for place, record in enumerate(records):
        content = msgspec.json.decode(record.content, type=Content)
        found += _named(items_in(bytes(content.input)), record.id)
        if place < len(records) - 1:
            found += msgspec.json.decode(content.response, type=_Output).output
    return found


def input_in(given: bytes) -> Any:  # noqa: ANN401 # any JSON value
    """Return what an input says. MalformedJson for what decoders pass over, and none can read."""
    try:
        return parsed(given)
    except msgspec.DecodeError as error:
        # Not chained, as its context holds the whole text.
        raise MalformedJson(f"The input cannot be read: {error}") from None


def items_in(given: bytes) -> list[Json]:
    """Return the items of an input: a text is one of the user's."""
    items = input_in(given)
    if isinstance(items, str):
        items = [{"role": "user", "content": items}] if items else []
    found = items if isinstance(items, list) else ()
    return [each for each in found if isinstance(each, dict)]


def as_input(item: Json) -> Json:
    """Return an item of an answer as a later request has it.

    A provider knows no others' ids, and nobody reads a thought of which there are only words but
    those whose dialect has nothing else; the mark tells all others.
    """
    if item.get("type") == "reasoning":
        return item if item.get("encrypted_content") else {**item, **_UNSEALED}
    return {name: value for name, value in item.items() if name != "id"}


_UNSEALED = {"encrypted_content": sealed_nothing()}


def _named(items: Iterable[Json], response_id: str) -> Iterator[Json]:
    bare = response_id.removeprefix("resp_")
    for place, item in enumerate(items):
        kind = item.get("type") or "message"
        whole = {"id": f"msg_{bare}_in_{place}", "type": kind, **item}
        if kind == "message":
            whole.setdefault("status", "completed")
            if isinstance(said := whole.get("content"), str):
                part = "output_text" if whole.get("role") == "assistant" else "input_text"
                whole["content"] = [{"type": part, "text": said}]
        yield whole
