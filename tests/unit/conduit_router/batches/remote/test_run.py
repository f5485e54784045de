"""The work on one batch of a provider's whose provider says nothing any more."""

from pathlib import Path

import pytest
from tests.support.call_bench import Bench
from tests.unit.conduit_router.batches.conftest import BatchBench
from tests.unit.conduit_router.batches.test_run import TEXTS, embed

from conduit.internal.v1.remote_batch_pb2 import RemoteBatch
from conduit.v1.batch_pb2 import (
    BATCH_STATUS_CANCELLED,
    BATCH_STATUS_CANCELLING,
    BATCH_STATUS_IN_PROGRESS,
    ProviderBatch,
)
from conduit_providers.batch_apis.api import BatchResult
from conduit_router.batches.done_requests import DoneRequests
from conduit_router.batches.remote.owner import RemoteParts
from conduit_router.batches.remote.run import place_of
from conduit_router.batches.run import BatchRun


@pytest.mark.parametrize(("name", "place"), [("0", 0), ("12", 12), ("x", -1), ("9" * 30, -1)])
def test_a_result_of_no_request_has_no_place(name: str, place: int) -> None:
    """Whatever a provider calls it."""
    assert place_of(BatchResult(name, None)) == place


async def test_a_batch_ends_whatever_became_of_its_provider(
    bench: BatchBench, tmp_path: Path
) -> None:
    """One that is taken back while its instance is gone is not waited for for ever."""
    batch = await bench.batch(*TEXTS)
    kept = await bench.claimed()
    recorder = bench.recorder(kept)
    await recorder.read(len(TEXTS), "m")
    places = DoneRequests()
    for place in range(4):
        places.add(place)
    remote = RemoteBatch(name="n", id="gone", operation="embed", requests=places.kept())
    public = ProviderBatch(provider_id=77, status=BATCH_STATUS_IN_PROGRESS)
    await recorder.note_remote([remote], [public])
    await bench.storage.cancel(kept.virtual_key_id, batch.id)
    await bench.storage.release("router", [batch.id])
    kept = await bench.claimed("other")
    assert kept.batch.status == BATCH_STATUS_CANCELLING
    parts = bench.parts(embed)
    remote_parts = RemoteParts.of(Bench(tmp_path / "spool").runtime, parts.calls, 0.001)
    run = BatchRun(kept, bench.recorder(kept, "other"), parts._replace(remote=remote_parts))
    await run.run()
    found = await bench.results(batch.id)
    assert found.batch.status == BATCH_STATUS_CANCELLED
    assert set(found.errors) == set(TEXTS)
    assert [each.status for each in found.batch.provider_batches] == [BATCH_STATUS_CANCELLED]
