"""Connectivity tests: does an instance answer, and which of its keys does it accept."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from conduit.internal.v1.outcome_pb2 import KeyCheck
from conduit.v1 import connectivity_pb2 as pb
from conduit.v1.audit_entry_pb2 import AUDIT_ACTION_TESTED
from conduit.v1.connectivity_json import CONNECTIVITY_OUTCOME_SPELLINGS
from conduit.v1.error_reason_pb2 import (
    ERROR_REASON_INSUFFICIENT_FUNDS,
    ERROR_REASON_INVALID_API_KEY,
    ERROR_REASON_UNSPECIFIED,
)
from conduit.v1.provider_pb2 import AUDIT_LEVEL_FULL
from conduit_kernel.audit.author import Author
from conduit_kernel.errors import ConduitError, UpstreamTimeout
from conduit_providers.probe import outcome_of
from conduit_providers.probing import Prober
from conduit_registry.probing import list_models
from conduit_registry.store import KEY, PROVIDER, Store
from conduit_registry.values import Key, Provider

TEST_SECONDS = 28.0
MAX_MODELS = 1000
# Keys that are tested at the same time.
MAX_PARALLEL = 16

# From best to worst.
_ORDER = (
    pb.CONNECTIVITY_OUTCOME_OK,
    pb.CONNECTIVITY_OUTCOME_RATE_LIMITED,
    pb.CONNECTIVITY_OUTCOME_NO_FUNDS,
    pb.CONNECTIVITY_OUTCOME_INVALID_KEY,
    pb.CONNECTIVITY_OUTCOME_UNKNOWN,
    pb.CONNECTIVITY_OUTCOME_UNREACHABLE,
)

# What says whether a provider takes a key.
_REASONS = {
    pb.CONNECTIVITY_OUTCOME_OK: ERROR_REASON_UNSPECIFIED,
    pb.CONNECTIVITY_OUTCOME_INVALID_KEY: ERROR_REASON_INVALID_API_KEY,
    pb.CONNECTIVITY_OUTCOME_NO_FUNDS: ERROR_REASON_INSUFFICIENT_FUNDS,
}


class _Result(NamedTuple):
    key_id: str
    # In seconds since 1970.
    began_at: float
    outcome: pb.ConnectivityOutcome.ValueType
    message: str
    response_time_ms: int
    models: Sequence[str] = ()


class Connectivity:
    """Tests instances."""

    def __init__(
        self,
        store: Store,
        prober: Prober,
        *,
        clock: Callable[[], float],
        timer: Callable[[], float],
        report: Callable[[Sequence[KeyCheck]], Awaitable[None]],
    ) -> None:
        """Take whom to report tests to.

        `clock`: seconds since 1970; `timer`: seconds since whenever.
        """
        self._store = store
        self._prober = prober
        self._clock, self._timer = clock, timer
        self._report = report

    async def test(
        self, provider_id: int, key_number: int | None, author: Author
    ) -> pb.ConnectivityReport:
        """Test one key, or every enabled one. A failing provider is an answer, not an error."""
        async with self._store.read() as reading:
            provider = await reading.get(PROVIDER, provider_id)
            if key_number is not None:
                keys = [await reading.key_of(provider_id, key_number)]
            else:
                keys = await reading.every(KEY, provider_id=provider_id, is_enabled=True)
        results = await self._test_all(provider, keys)
        if provider.audit_level == AUDIT_LEVEL_FULL:
            await self._note(provider, results, author)
        await self._report(_checks(provider, results))
        return _report(provider, results)

    async def _test_all(self, provider: Provider, keys: Sequence[Key]) -> list[_Result]:
        turns = asyncio.Semaphore(MAX_PARALLEL)
        deadline = asyncio.get_running_loop().time() + TEST_SECONDS

        async def test(key: Key | None) -> _Result:
            async with turns:
                return await self._test_one(provider, key, deadline)

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(test(key)) for key in keys or (None,)]
        return [task.result() for task in tasks]

    async def _test_one(self, provider: Provider, key: Key | None, deadline: float) -> _Result:
        key_id = key.api_id if key else ""
        began_at, began = self._clock(), self._timer()
        try:
            async with asyncio.timeout_at(deadline):
                found = await list_models(self._prober, provider, key)
        except TimeoutError:
            late = UpstreamTimeout(
                f"{provider.name} did not answer in time", provider=provider.name
            )
            return self._failed(key_id, late, began_at, began)
        except ConduitError as error:
            return self._failed(key_id, error, began_at, began)
        message = f"{provider.name} answered with {len(found.names)} models"
        return _Result(
            key_id,
            began_at,
            pb.CONNECTIVITY_OUTCOME_OK,
            message,
            found.response_time_ms,
            found.names,
        )

    def _failed(self, key_id: str, error: ConduitError, began_at: float, began: float) -> _Result:
        elapsed_ms = round((self._timer() - began) * 1000)
        return _Result(key_id, began_at, outcome_of(error), error.message, elapsed_ms)

    async def _note(self, provider: Provider, results: Sequence[_Result], author: Author) -> None:
        outcomes = {each.key_id: CONNECTIVITY_OUTCOME_SPELLINGS[each.outcome] for each in results}
        async with self._store.change(author) as changing:
            changing.note_use(AUDIT_ACTION_TESTED, provider.id, {"outcomes": outcomes})


def _checks(provider: Provider, results: Sequence[_Result]) -> list[KeyCheck]:
    """Return what the results say of whether the provider takes the keys."""
    checks = []
    for each in results:
        if each.outcome in _REASONS:
            reason = _REASONS[each.outcome]
            detail = each.message if reason else ""
            check = KeyCheck(
                provider_id=provider.id, key_id=each.key_id, reason=reason, detail=detail
            )
            check.began_at.FromNanoseconds(int(each.began_at * 1e9))
            check.is_test = True
            checks.append(check)
    return checks


def _report(provider: Provider, results: Sequence[_Result]) -> pb.ConnectivityReport:
    best = min(results, key=lambda each: (_ORDER.index(each.outcome), each.response_time_ms))
    return pb.ConnectivityReport(
        provider_id=provider.id,
        success=best.outcome == pb.CONNECTIVITY_OUTCOME_OK,
        outcome=best.outcome,
        message=best.message,
        response_time_ms=best.response_time_ms,
        models=best.models[:MAX_MODELS],
        keys=[
            pb.KeyConnectivity(
                key_id=each.key_id,
                outcome=each.outcome,
                message=each.message,
                response_time_ms=each.response_time_ms,
            )
            for each in results
        ],
    )
