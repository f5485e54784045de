"""How much memory a process uses."""

import mmap
import sys
import threading
from pathlib import Path

import pytest

from conduit_kernel import heap
from conduit_kernel.heap import heap_meter

MIB = 1024 * 1024

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it is not known")


def test_memory_is_counted_while_it_is_in_use() -> None:
    """One large piece, and what comes back when it is let go."""
    in_use = heap_meter()
    before = in_use()
    held = bytes(64 * MIB)
    assert 60 * MIB < in_use() - before < 80 * MIB
    del held
    assert in_use() - before < 16 * MIB


def test_memory_of_all_threads_is_counted() -> None:
    """In small pieces, too: gRPC receives in threads of its own."""
    in_use = heap_meter()
    before, held = in_use(), list[bytes]()
    thread = threading.Thread(target=lambda: held.extend(bytes(16_000) for _ in range(2000)))
    thread.start()
    thread.join()
    assert 28 * MIB < in_use() - before < 48 * MIB


def test_resident_pages_stand_in_where_the_library_does_not_tell(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And nothing where these are unknown as well: then nobody is ended for them."""
    monkeypatch.setattr("ctypes.CDLL", lambda _: object())
    in_use = heap_meter()
    before = in_use()
    with mmap.mmap(-1, 64 * MIB) as held:
        held.write(b"x" * 64 * MIB)
        assert in_use() - before > 32 * MIB
    monkeypatch.setattr(heap, "_STATM", tmp_path / "none")
    assert heap_meter()() == 0
