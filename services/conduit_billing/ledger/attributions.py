"""Finds the rows of attributions, and makes those that are new."""

import hashlib
from collections.abc import Collection

import orjson
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from conduit_billing.ledger.charges import Attribution
from conduit_billing.tables import AttributionRow
from conduit_billing.upserts import select_among_bytes

# Of those that charges still come in for there are far fewer.
MOST_REMEMBERED = 20_000
_DIGEST_BYTES = 16


class Attributions:
    """Remembers the ids of attributions, which never change."""

    def __init__(self) -> None:
        self._ids: dict[Attribution, int] = {}

    async def ids_of(
        self, connection: AsyncConnection, wanted: Collection[Attribution]
    ) -> dict[Attribution, int]:
        """Return the ids, in a writer's transaction; what it makes is to be noted once it is over.

        Until then it may be taken back.
        """
        known = self._ids
        found = {each: known[each] for each in wanted if each in known}
        missing = {_digest(each): each for each in wanted if each not in found}
        if missing:
            found |= await _stored(connection, missing)
            fresh = [(digest, each) for digest, each in missing.items() if each not in found]
            if fresh:
                rows = [{"digest": digest, **each._asdict()} for digest, each in fresh]
                await connection.execute(insert(AttributionRow), rows)
                found |= await _stored(connection, dict(fresh))
        return found

    def note(self, ids: dict[Attribution, int]) -> None:
        """Remember ids whose rows are there to stay."""
        if len(self._ids) + len(ids) > MOST_REMEMBERED:
            self._ids.clear()
        self._ids |= ids


async def _stored(
    connection: AsyncConnection, wanted: dict[bytes, Attribution]
) -> dict[Attribution, int]:
    columns = [AttributionRow.digest, AttributionRow.id]
    rows = await select_among_bytes(connection, columns, list(wanted))
    return {wanted[bytes(digest)]: number for digest, number in rows}


def _digest(attribution: Attribution) -> bytes:
    return hashlib.sha256(orjson.dumps(tuple(attribution))).digest()[:_DIGEST_BYTES]
