"""Measures a gateway of one worker against a fast upstream, and holds it to a budget.

Loopback only, every load bounded in time. The worker has one processor to itself; upstream and
load generator share the other. Authentication, decision, charge spool and metrics are on. Prints a
table in Markdown; the exit code is 1 when a budget is exceeded. Linux only, as it reads /proc.

Each load is repeated, and the round in which the worker used the least is shown: whatever else
runs on a machine, or on its host, takes caches and time away and gives none.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from gateway import Gateway, cpu_seconds, pin
from load import Seen, Task

HERE = Path(__file__).parent
CHUNKS = 100
STARTS = 3
BUDGET_REQUEST_US = 130.0
BUDGET_CHUNK_US = 10.0
# What a chat of a key with a hard budget and limits costs more than another one's.
BUDGET_RESERVATION_US = 15.0
# What a charge costs Billing, where a delivery is of one virtual key and model.
BUDGET_CHARGE_US = 15.0
BUDGET_START_SECONDS = 1.5
WARM_UP_SECONDS = 1.0
BUSY_CONNECTIONS = 32


@dataclass(frozen=True)
class Cell:
    """The result of one load; `cpu_us` of the worker per answer, zero for the upstream itself."""

    seen: Seen
    cpu_us: float


@dataclass(frozen=True)
class Bench:
    """The server that is asked, and the processor that the load may use."""

    upstream_port: int
    gateway_port: int
    key: str
    limited_key: str
    worker: int
    seconds: float
    rounds: int
    load_cpus: frozenset[int]

    def compare(self, connections: int, *, stream: bool) -> tuple[Cell, Cell]:
        """Measure the upstream itself, and the way through Conduit; side by side in each round."""
        rounds = [
            (
                self._cell(self.upstream_port, "bench-model", connections, stream=stream),
                self._cell(self.gateway_port, "bench", connections, stream=stream),
            )
            for _ in range(self.rounds)
        ]
        return min(rounds, key=lambda cells: cells[1].cpu_us)

    def reservation_us(self) -> float:
        """Return what reserving and settling cost of a chat, as the median over the rounds."""
        differences = list[float]()
        for _ in range(self.rounds):
            free, limited = [
                self._cell(self.gateway_port, "bench", BUSY_CONNECTIONS, stream=False, key=key)
                for key in (self.key, self.limited_key)
            ]
            differences.append(limited.cpu_us - free.cpu_us)
        return statistics.median(differences)

    def _cell(
        self, port: int, model: str, connections: int, *, stream: bool, key: str | None = None
    ) -> Cell:
        task = Task(
            port=port,
            path="/v1/chat/completions",
            key=key or self.key,
            model=model,
            stream=stream,
            connections=connections,
            seconds=self.seconds,
            warm_up_seconds=WARM_UP_SECONDS,
        )
        with _program("load.py", cpus=self.load_cpus) as load:
            assert load.stdin  # noqa: S101 # it was asked for
            assert load.stdout  # noqa: S101 # it was asked for
            load.stdin.write(json.dumps(asdict(task)).encode() + b"\n")
            load.stdin.flush()
            load.stdout.readline()
            before = cpu_seconds(self.worker)
            load.stdout.readline()
            used = cpu_seconds(self.worker) - before
            seen = Seen(**json.loads(load.stdout.readline()))
        if seen.failures or not seen.answers:
            raise SystemExit(f"{seen.failures} of {seen.answers} answers failed: {task.model}")
        return Cell(seen, used / seen.answers * 1e6)


def main() -> int:
    """Measure everything; return 1 if a budget is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each round")
    parser.add_argument("--rounds", type=int, default=4, help="of each load")
    given = parser.parse_args()
    cpus = sorted(os.sched_getaffinity(0))
    ours = frozenset(cpus[1:] or cpus)
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder, "data")
        with _program("upstream.py", str(CHUNKS), cpus=ours) as upstream:
            assert upstream.stdout  # noqa: S101 # it was asked for
            upstream_port = int(upstream.stdout.readline())
            with Gateway(data_dir) as gateway:
                key = gateway.set_up(upstream_port)
                limited_key = gateway.limited_key()
                gateway.wait_until_known(key)
                worker = gateway.worker_pid()
                pin(worker, {cpus[0]})
                bench = Bench(
                    upstream_port,
                    gateway.port,
                    key,
                    limited_key,
                    worker,
                    given.seconds,
                    given.rounds,
                    ours,
                )
                over = _report(bench)
        over += _report_paid_calls(ours)
        starts = []
        for _ in range(STARTS):
            with Gateway(data_dir) as gateway:
                starts.append(gateway.start_seconds)
    start = statistics.median(starts)
    print(f"\nStart to ready, of a gateway set up before: {start:.2f} s (median of {STARTS})")
    over += _over("start to ready", start, BUDGET_START_SECONDS, "s")
    for line in over:
        print(f"OVER BUDGET: {line}")
    return 1 if over else 0


def _report(bench: Bench) -> list[str]:
    """Print the table; return what is over budget."""
    print("| load | way | answers/s | p50 µs | p99 µs | added p50 µs | worker CPU µs |")
    print("|---|---|--:|--:|--:|--:|--:|")
    cpu = {}
    for stream, connections in ((False, 1), (False, BUSY_CONNECTIONS), (True, 1), (True, 4)):
        kind = f"stream of {CHUNKS}" if stream else "whole"
        load = f"{kind}, {connections} connection{'s' * (connections > 1)}"
        direct, through = bench.compare(connections, stream=stream)
        _row(load, "direct", bench, direct, None)
        _row(load, "Conduit", bench, through, through.seen.p50_us - direct.seen.p50_us)
        cpu[stream] = through.cpu_us
    per_chunk = cpu[True] / CHUNKS
    print(
        f"\nWorker CPU: {cpu[False]:.0f} µs per chat request (budget {BUDGET_REQUEST_US:.0f}), "
        f"{per_chunk:.1f} µs per streamed chunk, the request included "
        f"(budget {BUDGET_CHUNK_US:.0f})"
    )
    reservation = bench.reservation_us()
    print(
        f"Reserving and settling of a hard budget and three limits: {reservation:.1f} µs more per "
        f"chat request (budget {BUDGET_RESERVATION_US:.0f})"
    )
    return [
        *_over("CPU of a reservation", reservation, BUDGET_RESERVATION_US, "µs"),
        *_over("CPU per chat request", cpu[False], BUDGET_REQUEST_US, "µs"),
        *_over("CPU per streamed chunk", per_chunk, BUDGET_CHUNK_US, "µs"),
    ]


def _report_paid_calls(cpus: frozenset[int]) -> list[str]:
    """Print what money takes in loops of its own; return what is over budget."""
    with _program("paid_calls.py", cpus=cpus) as program:
        assert program.stdout  # noqa: S101 # it was asked for
        found = json.loads(program.stdout.read())
    print(
        f"Reserving, charging, spooling and settling, in a loop: {found['router']:.1f} µs per call "
        f"(budget {BUDGET_RESERVATION_US:.0f})\n"
        f"Billing: {found['alike']:.1f} µs per charge of one virtual key (budget "
        f"{BUDGET_CHARGE_US:.0f}), {found['mixed']:.1f} of a thousand with ten models"
    )
    return [
        *_over("CPU of a paid call's money", found["router"], BUDGET_RESERVATION_US, "µs"),
        *_over("Billing's CPU of a charge", found["alike"], BUDGET_CHARGE_US, "µs"),
    ]


def _row(load: str, way: str, bench: Bench, cell: Cell, added_us: float | None) -> None:
    seen = cell.seen
    added = "" if added_us is None else f"{added_us:.0f}"
    cpu = "" if added_us is None else f"{cell.cpu_us:.0f}"
    rate = seen.answers / bench.seconds
    print(
        f"| {load} | {way} | {rate:.0f} | {seen.p50_us:.0f} | {seen.p99_us:.0f} | {added} | {cpu} |"
    )


def _over(what: str, value: float, budget: float, unit: str) -> list[str]:
    return [f"{what}: {value:.4g} {unit} > {budget:.4g} {unit}"] if value > budget else []


@contextmanager
def _program(name: str, *arguments: str, cpus: frozenset[int]) -> Iterator[subprocess.Popen[bytes]]:
    """Run one of our programs on some processors; it is gone in the end."""
    process = subprocess.Popen(  # noqa: S603 # our own program
        [sys.executable, HERE / name, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        pin(process.pid, set(cpus))
        yield process
    finally:
        process.kill()
        process.communicate()


if __name__ == "__main__":
    sys.exit(main())
