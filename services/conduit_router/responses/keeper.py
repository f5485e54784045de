"""Has Storage keep responses, behind their answers, and finds them."""

import asyncio
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import islice

import structlog

from conduit_kernel.background import Background
from conduit_kernel.errors import ConduitError, ServiceUnavailable
from conduit_kernel.ids import milliseconds_of
from conduit_kernel.not_found_errors import ResponseNotFound
from conduit_kernel.quoting import quoted
from conduit_kernel.secrets import Vault
from conduit_kernel.settings import MAX_BODY_BYTES
from conduit_router.responses.contents import ResponseRecord, opened, sealed, too_large
from conduit_router.responses.storage import ResponseStorage

# What another worker has answered just now is on its way to Storage: between questions for it.
PAUSES_SECONDS = (0.05, 0.1, 0.2, 0.4, 0.8)
# An id of ours that is older than this is kept by now, if it ever is.
SETTLED_SECONDS = 30.0
ID_PREFIX = "resp_"
# Of ours, and of those that may keep their own.
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
# Of responses that wait for Storage while that is away; beyond it the oldest are given up.
MAX_WAITING_BYTES = 64 * 1024 * 1024
# Of the conversation that a request goes on from, as large as a request may be by itself.
MAX_CONVERSATION_BYTES = MAX_BODY_BYTES
# Of one response with what it was asked.
MAX_KEPT_BYTES = 4 * MAX_BODY_BYTES
# So many, and so many bytes of them before they are compressed, are told of at a time.
_MOST_AT_ONCE = 100
_BYTES_AT_ONCE = 16 * 1024 * 1024
# How long a stopping router takes to have its last responses kept.
LAST_SECONDS = 0.5
# So much of what is no id may come back in a message.
MAX_QUOTED = 80

_Place = tuple[int, str]


class ResponseKeeper:
    """Keeps responses of this router until Storage has them; all others are found there.

    Nobody waits for Storage to keep one. Whoever asks this router for it at once finds it here;
    whoever asks another one waits for as long as it may take to get there.
    """

    def __init__(
        self,
        storage: ResponseStorage,
        vault: Vault,
        clock: Callable[[], float],
        *,
        pauses: Sequence[float] = PAUSES_SECONDS,
        max_waiting_bytes: int = MAX_WAITING_BYTES,
        max_conversation_bytes: int = MAX_CONVERSATION_BYTES,
    ) -> None:
        """Take where responses are kept, what seals them, and how long who asks is patient.

        `clock`: seconds since 1970.
        """
        self._storage = storage
        self._vault = vault
        self._clock = clock
        self._pauses = pauses
        self._max_waiting_bytes = max_waiting_bytes
        self._max_conversation_bytes = max_conversation_bytes
        # By owner and id, oldest first.
        self._waiting: dict[_Place, ResponseRecord] = {}
        self._waiting_bytes = 0
        # Those on their way to Storage, and who has the way.
        self._told: frozenset[_Place] = frozenset()
        self._way = asyncio.Lock()
        # Set while there is one to tell Storage of.
        self.stale = asyncio.Event()
        self._log = structlog.get_logger("responses")

    @property
    def waiting(self) -> int:
        """Return how many responses wait for Storage."""
        return len(self._waiting)

    def run(self, background: Background) -> None:
        """Begin the loop that tells Storage of responses."""
        background.run("kept_responses", self.deliver, when=self.stale)

    def keep(self, record: ResponseRecord) -> None:
        """Have a response kept, in the place of what was kept under its id."""
        self._take((record.owner, record.id))
        self._waiting[record.owner, record.id] = record
        self._waiting_bytes += len(record.content)
        self.stale.set()
        while self._waiting_bytes > self._max_waiting_bytes:
            given_up = next(iter(self._waiting))
            self._take(given_up)
            self._log.error("response_given_up", response_id=given_up[1])

    async def deliver(self) -> None:
        """Tell Storage of the responses that wait: a step of a loop."""
        while self._waiting:
            async with self._way:
                batch = self._batch()
                self._told = frozenset((each.owner, each.id) for each in batch)
                try:
                    await self._tell(batch)
                finally:
                    self._told = frozenset()

    async def _tell(self, batch: Sequence[ResponseRecord]) -> None:
        kept = await asyncio.to_thread(sealed, batch, self._vault)
        try:
            refused = await self._storage.keep(kept)
        except ServiceUnavailable:
            raise
        except ConduitError as error:
            # Others wait behind them.
            self._log.error("responses_refused", reason=error.message)
            refused = ()
        for response_id in refused:
            self._log.warning("response_too_large", response_id=response_id)
        for each in batch:
            if (now := self._waiting.get((each.owner, each.id))) is each:
                self._take((each.owner, each.id))
            elif now is None:
                # It was deleted meanwhile.
                with suppress(ResponseNotFound):
                    await self._storage.delete(each.owner, each.id)

    async def find(self, owner: int, response_id: str) -> Sequence[ResponseRecord]:
        """Return a response of an owner, behind those that it goes on from.

        ResponseNotFound if the owner has none of this id, or if one of these is kept no longer,
        RequestTooLarge if they are larger than a request, ServiceUnavailable if Storage is away.
        """
        found = await self._patiently(owner, response_id, is_whole=True)
        if sum(len(each.content) for each in found) > self._max_conversation_bytes:
            raise too_large(self._max_conversation_bytes)
        if before := found[0].previous_id:
            message = f"The response {before}, from which it goes on, is kept no longer"
            raise ResponseNotFound(message, response_id=before)
        return found

    async def find_one(self, owner: int, response_id: str) -> ResponseRecord:
        """Return a response of an owner, whatever it goes on from. Raises as `find` does."""
        return (await self._patiently(owner, response_id, is_whole=False))[-1]

    async def _patiently(
        self, owner: int, response_id: str, *, is_whole: bool
    ) -> list[ResponseRecord]:
        if not _ID.fullmatch(response_id):
            raise not_found(response_id)
        pauses = () if self._is_settled(response_id) else self._pauses
        for pause in (*pauses, None):
            if found := await self._found(owner, response_id, is_whole=is_whole):
                return found
            if pause is not None:
                await asyncio.sleep(pause)
        raise not_found(response_id)

    async def known(self, owner: int, name: str) -> ResponseRecord | None:
        """Return what an owner has at a provider by a name; None if nobody can say just now."""
        if not _ID.fullmatch(name):
            return None
        with suppress(ServiceUnavailable):
            found = await self._found(owner, name, is_whole=False)
            return found[-1] if found else None
        return None

    async def delete(self, owner: int, response_id: str) -> None:
        """Delete a response. ResponseNotFound if its owner has none of this id."""
        if not _ID.fullmatch(response_id):
            raise not_found(response_id)
        waiting = self._take((owner, response_id))
        if (owner, response_id) in self._told:
            # Else it would come to Storage once it is said to be gone.
            async with self._way:
                pass
        try:
            await self._storage.delete(owner, response_id)
        except ResponseNotFound:
            if waiting is None:
                raise

    async def close(self) -> None:
        """Tell Storage of what waits, if it is there."""
        with suppress(TimeoutError, ConduitError):
            async with asyncio.timeout(LAST_SECONDS):
                await self.deliver()

    async def _found(self, owner: int, response_id: str, *, is_whole: bool) -> list[ResponseRecord]:
        """Return a response, and if `is_whole` those that it goes on from; nothing if none."""
        found: list[ResponseRecord] = []
        wanted = response_id
        while (here := self._waiting.get((owner, wanted))) is not None:
            found.insert(0, here)
            if not is_whole or not (wanted := here.previous_id):
                return found
        try:
            kept = await self._storage.response(owner, wanted)
        except ResponseNotFound:
            return found
        if not is_whole:
            return await asyncio.to_thread(opened, kept[-1:], self._vault, MAX_KEPT_BYTES)
        most = self._max_conversation_bytes - sum(len(each.content) for each in found)
        before = await asyncio.to_thread(opened, kept, self._vault, most)
        return [*before, *found]

    def _is_settled(self, response_id: str) -> bool:
        made = milliseconds_of(response_id.removeprefix(ID_PREFIX))
        return made is not None and made / 1000 < self._clock() - SETTLED_SECONDS

    def _batch(self) -> list[ResponseRecord]:
        found: list[ResponseRecord] = []
        size = 0
        for each in islice(self._waiting.values(), _MOST_AT_ONCE):
            size += len(each.content)
            if found and size > _BYTES_AT_ONCE:
                break
            found.append(each)
        return found

    def _take(self, place: _Place) -> ResponseRecord | None:
        """Return a response that waits, which it does no longer; None if it does not."""
        record = self._waiting.pop(place, None)
        if record is not None:
            self._waiting_bytes -= len(record.content)
        return record


def not_found(response_id: str) -> ResponseNotFound:
    """Return the error of a response that is not there."""
    shown = quoted(response_id, MAX_QUOTED)
    message = f"No response of this virtual key with the id {shown} is kept"
    return ResponseNotFound(message, response_id=shown)
