"""The way to whoever has a batch."""

from pathlib import Path

import pytest
from tests.support.call_bench import Bench

from conduit_kernel.errors import UpstreamUnreachable
from conduit_router.batches.remote.exchange import exchange_with


async def test_a_batch_is_gone_on_with_by_its_key_as_it_is_now(tmp_path: Path) -> None:
    """One that is no more, or whose instance is, leaves nobody to ask."""
    bench = Bench(tmp_path)
    (instance, *_) = bench.runtime.table.instances.values()
    found = exchange_with(bench.runtime, 1, instance.keys[0].key_id, "gpt-x", "chat")
    assert found.by.candidate.model == "gpt-x"
    assert found.by.key is instance.keys[0]
    for provider, key in ((1, "key_77"), (77, instance.keys[0].key_id)):
        with pytest.raises(UpstreamUnreachable):
            exchange_with(bench.runtime, provider, key, "gpt-x", "chat")
