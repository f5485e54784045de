"""Finds items that a request names by their ids: those that Conduit keeps, and who has others.

https://platform.openai.com/docs/api-reference/responses/create, `input`: an item that is kept may
be named by its id alone. The AI SDK (@ai-sdk/openai 3.0.141) does so by default for what it was
answered.
"""

from collections.abc import Iterable
from itertools import islice
from typing import Any, NamedTuple

from conduit_kernel.errors import InvalidRequest, RequestTooLarge
from conduit_kernel.ids import milliseconds_of
from conduit_kernel.settings import MAX_BODY_BYTES
from conduit_router.responses.contents import ResponseRecord, as_input, output_of
from conduit_router.responses.keeper import ID_PREFIX, ResponseKeeper, not_found

Json = dict[str, Any]
KIND = "item_reference"
# Of how many responses a request may name items; each has to be found.
MOST_RESPONSES = 500
# So many of a provider's own are looked for, the newest first: all are one account's.
_MOST_ELSEWHERE = 8


class NamedItems(NamedTuple):
    """Items that a request names by their ids."""

    # Its input with what Conduit keeps in its place; None if it names nothing of that.
    input: list[object] | None
    # Where a provider keeps what it names; None if it names no such, or nobody can say.
    elsewhere: ResponseRecord | None


class ItemReferences:
    """Finds the items that a request names by their ids."""

    def __init__(self, keeper: ResponseKeeper, *, most_bytes: int = MAX_BODY_BYTES) -> None:
        """Take who finds responses, and how large those may be whose items one request names."""
        self._keeper = keeper
        self._most_bytes = most_bytes

    async def named(self, items: object, owner: int) -> NamedItems:
        """Return what an input names of an owner; references that are a provider's stay in it.

        ResponseNotFound for an item of ours that is not there, InvalidRequest or RequestTooLarge
        if there are too many to be looked for.
        """
        if not isinstance(items, list):
            return NamedItems(None, None)
        return NamedItems(await self._resolved(items, owner), await self._elsewhere(items, owner))

    async def _resolved(self, items: list[object], owner: int) -> list[object] | None:
        named = {name: None for item in items if (name := _response_of(item))}
        if not named:
            return None
        if len(named) > MOST_RESPONSES:
            message = f"input may refer to items of at most {MOST_RESPONSES} responses"
            raise InvalidRequest(message, field="input")
        kept = await self._kept(named, owner)
        return [_put(item, kept) if _response_of(item) else item for item in items]

    async def _elsewhere(self, items: list[object], owner: int) -> ResponseRecord | None:
        """Return where the newest reference of a provider's leads that is known."""
        names = (_name_in(item) for item in reversed(items) if not _response_of(item))
        for name in islice(filter(None, names), _MOST_ELSEWHERE):
            if (record := await self._keeper.known(owner, name)) is not None:
                return record
        return None

    async def _kept(self, named: Iterable[str], owner: int) -> dict[str, Json]:
        """Return all items of responses, by their ids."""
        found: dict[str, Json] = {}
        left = self._most_bytes
        for name in named:
            record = await self._keeper.find_one(owner, name)
            left -= len(record.content)
            if left < 0:
                message = "The responses whose items the request names are too large"
                raise RequestTooLarge(message, field="input", limit_bytes=str(self._most_bytes))
            found.update(_items_of(record))
        return found


def _items_of(record: ResponseRecord) -> dict[str, Json]:
    items = output_of(record) if record.is_kept_here else ()
    return {item["id"]: item for item in items if isinstance(item.get("id"), str)}


def _name_in(item: object) -> str:
    """Return the id that a reference names; empty for what is no reference."""
    if not isinstance(item, dict) or item.get("type") != KIND:
        return ""
    name = item.get("id")
    return name if isinstance(name, str) else ""


def _response_of(item: object) -> str:
    """Return the response whose item a reference names; empty for what is no reference of ours.

    Ids of items have the bare id of their response between what says their kind and their place.
    """
    bare = _name_in(item).partition("_")[2].rpartition("_")[0]
    return "" if milliseconds_of(bare) is None else ID_PREFIX + bare


def _put(reference: object, kept: dict[str, Json]) -> Json:
    name = _name_in(reference)
    if name not in kept:
        raise not_found(name)
    return as_input(kept[name])
