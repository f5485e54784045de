"""The tokens of attempts."""

from pathlib import Path

from tests.support.call_bench import Bench

from conduit.v1.charge_pb2 import USAGE_SOURCE_PROVIDER
from conduit_providers.quantities import (
    CACHE_WRITE,
    CACHED_INPUT,
    INPUT,
    OUTPUT,
    REASONING,
    counted,
)
from conduit_router.routing.attempt_plan import Consumption
from conduit_router.trail.attempt_tokens import Tokens, tokens_of


def test_tokens_of_all_kinds_are_within_those_read_and_written(tmp_path: Path) -> None:
    """An attempt of which nothing is known has none."""
    bench = Bench(tmp_path)
    scope = bench.admit()
    with scope:
        attempt = bench.begun(scope)
        assert tokens_of(attempt) is None
        leaves = ((INPUT, 1), (CACHED_INPUT, 2), (CACHE_WRITE, 4), (OUTPUT, 8), (REASONING, 16))
        attempt.consumption = Consumption(counted(leaves), USAGE_SOURCE_PROVIDER, is_complete=True)
        scope.succeed(attempt)
    assert tokens_of(attempt) == Tokens(7, 24, 2, 4, 16)
