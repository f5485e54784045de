"""What a process says of itself."""

import os
import platform
import time
from importlib.metadata import version

from prometheus_client import CollectorRegistry
from tests.support.descriptors import no_descriptors

from conduit_kernel.process_metrics import ProcessMetrics


def test_a_process_tells_its_version_and_what_it_takes() -> None:
    """Under its own name, as processes of a machine are shown together."""
    before = time.time()
    registry = CollectorRegistry()
    registry.register(ProcessMetrics("worker-1"))

    def value(name: str) -> float:
        found = registry.get_sample_value(f"conduit_process_{name}", {"process": "worker-1"})
        assert found is not None
        return found

    build = {"version": version("conduit-suite"), "python": platform.python_version()}
    assert registry.get_sample_value("conduit_build_info", build) == 1
    assert before <= value("start_time_seconds") <= time.time()
    assert value("cpu_seconds_total") > 0
    if os.path.exists("/proc/self"):  # noqa: PTH110 # elsewhere the system tells neither
        assert value("resident_memory_bytes") > 10_000_000
        held = value("open_fds")
        with open(os.devnull, "rb"):  # noqa: PTH123 # any file
            assert value("open_fds") == held + 1


def test_a_process_without_descriptors_tells_the_rest() -> None:
    """It cannot look at its own memory."""
    registry = CollectorRegistry()
    registry.register(ProcessMetrics("worker-1"))
    with no_descriptors():
        names = {family.name for family in registry.collect()}
    assert "conduit_process_cpu_seconds" in names
    assert "conduit_process_open_fds" not in names
