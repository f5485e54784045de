"""Providers that fail by a schedule, and calls by the router's own attempts, in virtual time."""

import asyncio
import random
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace
from tests.support.call_bench import CALLER, Bench
from tests.support.snapshots import compiled, key, provider, snapshot

from conduit_kernel.breaker_policy import DEFAULT_POLICY
from conduit_kernel.errors import (
    ConduitError,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from conduit_providers.operations.chat import OPERATION, chat_request
from conduit_router.calls.attempts import run_attempts
from conduit_router.calls.call_scope import CallScope, admit
from conduit_router.context import CallerContext
from conduit_router.routing.attempt_plan import Attempt
from conduit_router.routing.provider_state import ProviderState
from conduit_router.routing.table import Caller

BODY = b'{"model":"gpt","messages":[{"role":"user","content":"hello"}]}'
LATENCY_SECONDS = 0.05
WELL = "well"
KINDS = ("refused", "503", "silent", "limited")


class Spell(NamedTuple):
    """A time in which a provider fails in one way."""

    begin: float
    end: float
    kind: str


class Asked(NamedTuple):
    """An attempt that reached a provider."""

    at: float
    provider_id: int
    call: int


class Ended(NamedTuple):
    """A call that came to its end."""

    began: float
    ended: float
    limit: float
    attempts: int
    error: ConduitError | None
    provider_id: int


class World:
    """Instances in order of priority, each with its spells of failure."""

    def __init__(self, folder: Path, spells: dict[int, list[Spell]], routers: int = 1) -> None:
        loop = asyncio.get_running_loop()
        self.now = loop.time
        self.spells = spells
        self.asked: list[Asked] = []
        self.ended: list[Ended] = []
        self._probing: dict[int, float] = {}
        self._benches = [self._bench(folder / str(number)) for number in range(routers)]

    def kind(self, provider_id: int) -> str:
        """Return how a provider is now."""
        now = self.now()
        found = (each.kind for each in self.spells[provider_id] if each.begin <= now < each.end)
        return next(found, WELL)

    def was_well(self, provider_id: int, since: float, until: float) -> bool:
        """Tell whether a provider was well all that time."""
        return not any(s.begin < until and s.end > since for s in self.spells[provider_id])

    async def call(self, number: int, by: int = 1) -> Ended:
        """Make a call, and note how it ended."""
        began, attempts, error, answered = self.now(), 0, None, 0
        limit = began
        caller = replace(CALLER, caller=Caller(by, is_enabled=True, expires_at=1e18, allowed=None))

        async def make(scope: CallScope, attempt: Attempt) -> int:
            self.asked.append(Asked(self.now(), attempt.candidate.provider_id, number))
            await self._answer(attempt, scope.left())
            return attempt.candidate.provider_id

        try:
            with self._admit(number, caller) as scope:
                limit = scope.deadline
                try:
                    attempt, answered = await run_attempts(scope, make)
                    scope.succeed(attempt)
                finally:
                    attempts = scope.plan.attempts
        except ConduitError as failure:
            error = failure
        ended = Ended(began, self.now(), limit, attempts, error, answered)
        self.ended.append(ended)
        return ended

    async def share(self) -> None:
        """Let the routers tell each other of their circuits, each second, as Health does."""
        states = [bench.runtime.state for bench in self._benches]
        while True:
            await asyncio.sleep(1.0)
            for state in states:
                others = (each for each in states if each is not state)
                state.adopt([told for each in others for told in each.shared_circuits()])

    def close(self) -> None:
        """Let go of the files."""
        for bench in self._benches:
            bench.spool.close()

    def _bench(self, folder: Path) -> Bench:
        bench = Bench(folder)
        bench.runtime.state = ProviderState(self.now)
        bench.runtime.clock = self.now
        numbers = sorted(self.spells)
        instances = [provider(i, priority=i) for i in numbers]
        keys = [key(i, i) for i in numbers]
        bench.runtime.table = compiled(snapshot(instances, keys=keys))
        return bench

    def _admit(self, number: int, caller: CallerContext) -> CallScope:
        form = chat_request(json=BODY)
        return admit(
            self._benches[number % len(self._benches)].runtime,
            OPERATION,
            form,
            None,
            caller,
            stream=True,
        )

    async def _answer(self, attempt: Attempt, left: float) -> None:
        """Do what the provider does now."""
        kind = self.kind(attempt.candidate.provider_id)
        name = attempt.key.provider_name
        if kind == "silent":
            await asyncio.sleep(min(attempt.first_event, left))
            raise UpstreamTimeout(f"{name} is silent", provider=name)
        await asyncio.sleep(LATENCY_SECONDS)
        if kind == "refused":
            raise UpstreamUnreachable(f"{name} refuses", provider=name, kind="refused")
        if kind == "503":
            raise UpstreamError(f"{name} is down", provider=name, status="503")
        if kind == "limited":
            raise UpstreamRateLimited(f"{name} is busy", provider=name, retry_after_ms="3000")


def random_spells(draw: random.Random, seconds: float) -> list[Spell]:
    """Return spells of failure within a time, with times between them in which all is well."""
    spells, at = list[Spell](), draw.random() * seconds / 2
    while at < seconds:
        end = at + draw.choice((0.5, 3.0, 20.0, 90.0)) * (0.5 + draw.random())
        spells.append(Spell(at, end, draw.choice(KINDS)))
        at = end + draw.choice((1.0, 30.0, 100.0)) * draw.random()
    return spells


RECOVERY_SECONDS = DEFAULT_POLICY.open_seconds + 10.0
