"""Answers requests together that come at once, one transaction at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from copy import copy
from typing import Generic, TypeVar

from conduit_kernel.errors import ConduitError, ServiceUnavailable

RequestT = TypeVar("RequestT")
AnswerT = TypeVar("AnswerT")


class Gatherer(Generic[RequestT, AnswerT]):
    """Answers all requests that wait in one transaction, and then those that came meanwhile.

    So however many come at once, one connection of the database is used for them, and one commit.
    Whoever leaves takes nothing back from the others: what was begun for them is ended.
    """

    def __init__(
        self,
        answer: Callable[[Sequence[RequestT]], Awaitable[Sequence[AnswerT | ConduitError]]],
        *,
        enough: int,
        weight: Callable[[RequestT], int] = lambda _: 1,
        gather_seconds: float = 0.0,
    ) -> None:
        """Take what answers many requests at once, each with an answer or its own refusal.

        A transaction follows another after `gather_seconds`, or as soon as `enough` waits for it,
        by the weight of each. What comes when there was none lately is answered at once.
        """
        self._answer = answer
        self._enough = enough
        self._weight = weight
        self._gather_seconds = gather_seconds
        self._waiting: list[_Waiting[RequestT, AnswerT]] = []
        self._work: asyncio.Task[None] | None = None
        self._is_enough = asyncio.Event()
        self._not_before = 0.0

    async def ask(self, request: RequestT) -> AnswerT:
        """Return the answer to a request, or raise its refusal.

        Where all together cannot be answered, each is tried by itself.
        """
        ours = _Waiting[RequestT, AnswerT](request)
        self._waiting.append(ours)
        self._look()
        if self._work is None:
            self._work = asyncio.create_task(self._answer_waiting())
        try:
            return await ours.answer
        finally:
            # Its caller is gone before it was anybody's turn.
            if ours in self._waiting:
                self._waiting.remove(ours)

    async def _answer_waiting(self) -> None:
        try:
            while self._waiting:
                await self._gather()
                together = self._next()
                await self._answer_together(together)
                self._not_before = asyncio.get_running_loop().time() + self._gather_seconds
        finally:
            self._work = None

    def _look(self) -> None:
        if sum(self._weight(each.request) for each in self._waiting) >= self._enough:
            self._is_enough.set()

    async def _gather(self) -> None:
        """Wait until it is time for another transaction, or there is enough for one."""
        left = self._not_before - asyncio.get_running_loop().time()
        if left > 0:
            try:
                async with asyncio.timeout(left):
                    await self._is_enough.wait()
            except TimeoutError:
                pass

    def _next(self) -> list["_Waiting[RequestT, AnswerT]"]:
        """Take as many of those that wait as are enough for a transaction."""
        weight = count = 0
        for each in self._waiting:
            weight, count = weight + self._weight(each.request), count + 1
            if weight >= self._enough:
                break
        together, self._waiting = self._waiting[:count], self._waiting[count:]
        self._is_enough.clear()
        self._look()
        return together

    async def _answer_together(self, together: list["_Waiting[RequestT, AnswerT]"]) -> None:
        try:
            answers = await self._answer([each.request for each in together])
        except ServiceUnavailable as error:
            # Each by itself would fail alike, and take as long.
            for each in together:
                each.end(copy(error))
        except Exception as error:  # noqa: BLE001 # whatever it is, it is the caller's
            if len(together) == 1:
                together[0].end(error)
                return
            for each in together:
                await self._answer_together([each])
        else:
            for each, answer in zip(together, answers, strict=True):
                each.end(answer)
        finally:
            for each in together:
                # Only where this process ends.
                each.answer.cancel()


class _Waiting(Generic[RequestT, AnswerT]):
    """A request that waits, and what becomes of it."""

    def __init__(self, request: RequestT) -> None:
        self.request = request
        self.answer: asyncio.Future[AnswerT] = asyncio.get_running_loop().create_future()

    def end(self, answer: AnswerT | Exception) -> None:
        """Give the answer, or what it failed of, to the caller, who may be gone."""
        if self.answer.done():
            return
        if isinstance(answer, Exception):
            self.answer.set_exception(answer)
        else:
            self.answer.set_result(answer)
