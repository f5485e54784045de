"""`/metrics`: what this worker counted, and the other workers of this machine beside it.

Every worker writes what it counted to a file of its own, each second if it changed. Whoever is
scraped reads the files of the living and adds up: counters, histograms and gauges of workers are
all sums.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

WRITE_SECONDS = 1.0
SIGN_OF_LIFE_SECONDS = 4.0
# A worker whose file is older than this is gone; a second is what a busy one may be late.
STALE_SECONDS = 10.0
# So many times as long as writing takes it is let be.
PAUSE_PER_WORK = 50.0
# How long the file of a worker that died stays for whoever looks into it.
KEEP_SECONDS = 3600.0
CONTENT_TYPE = CONTENT_TYPE_LATEST.encode()

_SampleRow = tuple[str, dict[str, str], float]


class _Family(msgspec.Struct, array_like=True):
    name: str
    documentation: str
    kind: str
    samples: list[_SampleRow]


_read = msgspec.json.Decoder(list[_Family]).decode
_write = msgspec.json.Encoder().encode


class Exposition:
    """The metrics of this worker, and those of its siblings where there are any."""

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        process: Collector | None = None,
        folder: Path | None = None,
        worker: str = "",
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take what this worker counts; a folder and a name if it has siblings.

        `process` asks the system, which takes its time: in a thread, and only for whoever reads it.
        """
        self._registry = registry
        self._process = CollectorRegistry(auto_describe=False)
        if process is not None:
            self._process.register(process)
        self._folder = folder
        self._path = folder / f"{worker}.json" if folder and worker else None
        self._clock = clock
        self._timer = timer
        # What of it was counted, and since when the file has it.
        self._counted = b""
        self._written_at = 0.0
        # How long to let it be, where there is much to write.
        self._pause = 0.0

    async def render(self) -> bytes:
        """Return Prometheus' text."""
        if self._folder is None:
            process = await asyncio.to_thread(generate_latest, self._process)
            return generate_latest(self._registry) + process
        return await asyncio.to_thread(self._merged, self._folder, _families(self._registry))

    async def write(self) -> None:
        """Write the file; readers see the former one or this one, never half of it.

        Not while nothing changes, but for a sign of life.
        """
        since = self._clock() - self._written_at
        if self._path is None or 0 <= since < self._pause:
            return
        began, now = self._timer(), self._clock()
        own = _families(self._registry)
        counted = _write(own)
        if counted == self._counted and 0 <= since < SIGN_OF_LIFE_SECONDS:
            return
        pause = (self._timer() - began) * PAUSE_PER_WORK
        self._pause = min(pause, SIGN_OF_LIFE_SECONDS) if pause > WRITE_SECONDS else 0.0
        await asyncio.to_thread(self._replace, self._path, own)
        self._counted, self._written_at = counted, now

    async def close(self) -> None:
        """Remove the file: it goes with the worker."""
        if self._path is not None:
            await asyncio.to_thread(self._path.unlink, missing_ok=True)

    def _merged(self, folder: Path, own: list[_Family]) -> bytes:
        merged = CollectorRegistry(auto_describe=False)
        merged.register(_Sum([own, _families(self._process), *self._siblings(folder)]))
        return generate_latest(merged)

    def _replace(self, path: Path, own: list[_Family]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.write_bytes(_write([*own, *_families(self._process)]))
        fresh.replace(path)

    def _siblings(self, folder: Path) -> Iterator[list[_Family]]:
        now = self._clock()
        for path in sorted(folder.glob("*.json")):
            if path == self._path:
                continue
            # A sibling may end, and its file go, at any moment.
            with contextlib.suppress(FileNotFoundError, msgspec.DecodeError):
                age = now - path.stat().st_mtime
                if age <= STALE_SECONDS:
                    yield _read(path.read_bytes())
                elif age > KEEP_SECONDS:
                    path.unlink()


def _families(registry: CollectorRegistry) -> list[_Family]:
    return [
        _Family(m.name, m.documentation, m.type, [(s.name, s.labels, s.value) for s in m.samples])
        for m in registry.collect()
    ]


class _Sum(Collector):
    """Families of several workers as one."""

    def __init__(self, workers: Iterable[list[_Family]]) -> None:
        self._workers = workers

    def collect(self) -> Iterator[Metric]:
        heads: dict[str, _Family] = {}
        sums: dict[str, dict[tuple[str, frozenset[tuple[str, str]]], _SampleRow]] = {}
        for worker in self._workers:
            for family in worker:
                heads.setdefault(family.name, family)
                rows = sums.setdefault(family.name, {})
                for name, labels, value in family.samples:
                    key = (name, frozenset(labels.items()))
                    before = rows[key][2] if key in rows else 0.0
                    rows[key] = (name, labels, before + value)
        for family in heads.values():
            metric = Metric(family.name, family.documentation, family.kind)
            for name, labels, value in sums[family.name].values():
                metric.add_sample(name, labels, value)
            yield metric
