"""What goes to providers' batches at all."""

from dataclasses import replace
from pathlib import Path

import msgspec
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
from conduit_router.batches.remote.work import has_batches
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


def test_an_instance_s_batches_are_used_where_its_operator_says_so(tmp_path: Path) -> None:
    """Or where a batch's maker does; its type must have some."""
    (instance, *_) = Bench(tmp_path).runtime.table.instances.values()
    assert has_batches(instance, by_provider=True)
    assert not has_batches(instance, by_provider=False)
    instance.provider.settings["batches"] = "provider"
    assert has_batches(instance, by_provider=False)
    bare = replace(instance, spec=msgspec.structs.replace(instance.spec, batches=None))
    assert not has_batches(bare, by_provider=True)
