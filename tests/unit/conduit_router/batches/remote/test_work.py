"""What goes to providers' batches at all."""

from pathlib import Path

import pytest
from tests.support.call_bench import Bench
from tests.unit.conduit_router.batches.conftest import BatchBench
from tests.unit.conduit_router.batches.test_run import TEXTS, embed

from conduit.v1.batch_pb2 import (
    BATCH_EXECUTION_CONDUIT,
    BATCH_EXECUTION_PROVIDER,
    BATCH_STATUS_COMPLETED,
)
from conduit_router.batches.remote.owner import RemoteParts
from conduit_router.batches.run import BatchRun


@pytest.mark.parametrize("execution", [None, BATCH_EXECUTION_CONDUIT, BATCH_EXECUTION_PROVIDER])
async def test_what_no_provider_s_batch_can_have_is_made_as_calls(
    bench: BatchBench, tmp_path: Path, execution: int | None
) -> None:
    """Each once, and no part of a provider's is told of."""
    batch = await bench.batch(*TEXTS)
    kept = await bench.claimed()
    if execution is not None:
        kept.batch.execution = execution  # type: ignore[assignment] # any number is one
    parts = bench.parts(embed)
    remote = RemoteParts.of(Bench(tmp_path / "spool").runtime, parts.calls, 0.001)
    run = BatchRun(kept, bench.recorder(kept), parts._replace(remote=remote))
    await run.run()
    found = await bench.results(batch.id)
    assert found.batch.status == BATCH_STATUS_COMPLETED
    assert bench.asked == dict.fromkeys(TEXTS, 1)
    assert not found.batch.provider_batches
