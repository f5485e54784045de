"""Puts items that Conduit keeps in the place of references to them.

https://platform.openai.com/docs/api-reference/responses/create, `input`: an item that is kept may
be named by its id alone. The AI SDK (@ai-sdk/openai 3.0.141) does so by default for what it was
answered.
"""

from collections.abc import Iterable
from typing import Any

from conduit_kernel.errors import InvalidRequest, RequestTooLarge
from conduit_kernel.ids import milliseconds_of
from conduit_kernel.settings import MAX_BODY_BYTES
from conduit_router.responses.contents import ResponseRecord, as_input, output_of
from conduit_router.responses.keeper import ID_PREFIX, ResponseKeeper, not_found

Json = dict[str, Any]
KIND = "item_reference"
# Of how many responses a request may name items; each has to be found.
MOST_RESPONSES = 500


class ItemReferences:
    """Finds the items that a request names by their ids."""

    def __init__(self, keeper: ResponseKeeper, *, most_bytes: int = MAX_BODY_BYTES) -> None:
        """Take who finds responses, and how large those may be whose items one request names."""
        self._keeper = keeper
        self._most_bytes = most_bytes

    async def resolved(self, items: object, owner: int) -> list[object] | None:
        """Return an input with the items in the place of references that Conduit keeps of an owner.

        None if there are no such; all other references are a provider's, and stay.
        ResponseNotFound for an item of ours that is not there, InvalidRequest or RequestTooLarge
        if there are too many to be looked for.
        """
        if not isinstance(items, list):
            return None
        named = {name: None for item in items if (name := _response_of(item))}
        if not named:
            return None
        if len(named) > MOST_RESPONSES:
            message = f"input may refer to items of at most {MOST_RESPONSES} responses"
            raise InvalidRequest(message, field="input")
        kept = await self._kept(named, owner)
        return [_put(item["id"], kept) if _response_of(item) else item for item in items]

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


def _response_of(item: object) -> str:
    """Return the response whose item a reference names; empty for what is no reference of ours.

    Ids of items have the bare id of their response between what says their kind and their place.
    """
    if not isinstance(item, dict) or item.get("type") != KIND:
        return ""
    name = item.get("id")
    bare = name.partition("_")[2].rpartition("_")[0] if isinstance(name, str) else ""
    return "" if milliseconds_of(bare) is None else ID_PREFIX + bare


def _put(name: str, kept: dict[str, Json]) -> Json:
    if name not in kept:
        raise not_found(name)
    return as_input(kept[name])
