"""What `/metrics` says of processes: which Conduit they run, and what they take of the machine."""

import os
import platform
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

_PROC = Path("/proc/self")


class ProcessMetrics(Collector):
    """Collects what this process takes, for a Prometheus registry."""

    def __init__(self, process: str, clock: Callable[[], float] = time.time) -> None:
        """Take the name by which it is told apart from others of this machine; it starts now."""
        self._process = process
        self._started = clock()
        self._version = version("conduit-suite")

    def collect(self) -> Iterator[Metric]:
        """Yield what the system tells; memory and descriptors where it has `/proc`."""
        build = GaugeMetricFamily(
            "conduit_build_info",
            "Processes that run this version of Conduit, on this version of Python.",
            labels=("version", "python"),
        )
        build.add_metric((self._version, platform.python_version()), 1)
        used = resource.getrusage(resource.RUSAGE_SELF)
        values: dict[str, tuple[str, float]] = {
            "start_time_seconds": ("When it started, since 1970.", self._started)
        }
        with suppress(OSError):
            # Neither where there is no `/proc`, nor where no descriptor is left to look with.
            pages = int((_PROC / "statm").read_text("ascii").split()[1])
            resident = pages * resource.getpagesize()
            values |= {
                "resident_memory_bytes": ("Memory that it occupies.", resident),
                "open_fds": ("Descriptors that it holds.", len(os.listdir(_PROC / "fd"))),  # noqa: PTH208 # names alone are counted
            }
        seconds = CounterMetricFamily(
            "conduit_process_cpu_seconds",
            "Time of processors that it used.",
            labels=("process",),
        )
        seconds.add_metric((self._process,), used.ru_utime + used.ru_stime)
        yield from (build, seconds)
        for name, (documentation, value) in values.items():
            gauge = GaugeMetricFamily(f"conduit_process_{name}", documentation, labels=("process",))
            gauge.add_metric((self._process,), value)
            yield gauge
