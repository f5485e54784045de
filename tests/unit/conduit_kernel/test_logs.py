"""Logs: each line is one JSON object, whatever is put into it and whoever writes it."""

import logging
import subprocess
import sys
from collections import Counter

import orjson
import pytest

from conduit_kernel.log_limit import SAME
from conduit_kernel.logs import configure_logs

PROLOGUE = """
import logging, warnings
from pathlib import Path
import structlog
from conduit_kernel.logs import configure_logs
configure_logs({level!r}, "billing")
log, library = structlog.get_logger("test"), logging.getLogger("asyncio")
"""


def lines(script: str, level: str = "info") -> list[dict[str, object]]:
    """Run a script in a process whose logs are set up; return the lines it wrote."""
    done = subprocess.run(  # noqa: S603 # our own Python and a script of this file
        [sys.executable, "-c", PROLOGUE.format(level=level) + script],
        check=True,
        capture_output=True,
        timeout=30,
    )
    assert done.stdout == b""
    found = [orjson.loads(line) for line in done.stderr.splitlines()]
    assert all(isinstance(line, dict) for line in found)
    return found


def test_a_line_has_its_event_its_data_and_where_it_came_from() -> None:
    """An exception is in its line, with its traceback."""
    first, second = lines(
        "log.info('started', port=1)\n"
        "try: 1 / 0\n"
        "except ZeroDivisionError: log.exception('crashed')\n"
    )
    assert str(first.pop("timestamp")).endswith("Z")
    assert first == {"event": "started", "level": "info", "port": 1, "service": "billing"}
    assert "ZeroDivisionError: division by zero" in str(second["exception"])


def test_whatever_a_line_is_given_it_is_written() -> None:
    """A log that raises would fail the very call that it tells of."""
    found = lines(
        "for value in (10**30, '\\ud800', {1: 2}, {(1, 2): 3}, b'x', {1}, Path('x')):\n"
        "    log.info('told', value=value)\n"
    )
    values = [line["value"] for line in found]
    assert values[:4] == [1e30, "?", {"1": 2}, {}]
    assert values[4:] == ["b'x'", "{1}", "PosixPath('x')"]


def test_what_libraries_say_is_a_line_too() -> None:
    """With quotes, line breaks and tracebacks in it; only from warnings up."""
    found = lines(
        "library.info('quiet')\n"
        "library.warning('a \"%s\"\\nline', 'quoted')\n"
        "try: 1 / 0\n"
        "except ZeroDivisionError: library.exception('never retrieved')\n"
    )
    assert [line["detail"] for line in found] == ['a "quoted"\nline', "never retrieved"]
    assert [line["level"] for line in found] == ["warning", "error"]
    assert "ZeroDivisionError: division by zero" in str(found[1]["exception"])
    for line in found:
        assert (line["event"], line["service"]) == ("asyncio", "billing")
        assert str(line["timestamp"]).endswith("Z")


def test_lines_below_the_level_are_not_written() -> None:
    """Of ours and of libraries."""
    script = "log.warning('a')\nlibrary.warning('b')\nlog.error('c')\nlibrary.error('d')"
    assert [line["event"] for line in lines(script, "error")] == ["c", "asyncio"]


def test_an_unknown_level_is_refused() -> None:
    """Before anything is set up."""
    handlers = list(logging.getLogger().handlers)
    with pytest.raises(ValueError, match=r"CONDUIT_LOG_LEVEL must be .*, not 'loud'"):
        configure_logs("loud", "billing")
    assert logging.getLogger().handlers == handlers


def test_what_repeats_is_limited_whoever_says_it() -> None:
    """Libraries, too, by the text that they fill in."""
    found = lines(
        "for number in range(100):\n"
        "    log.error('crashed', request_id=number)\n"
        "    library.warning('slow by %d', number)\n"
        "    log.info('told')\n"
    )
    counts = Counter(line["event"] for line in found)
    assert counts == {"crashed": SAME.burst, "asyncio": SAME.burst, "told": 100}


def test_what_the_system_refuses_grpc_is_told_by_its_callers_alone() -> None:
    """Its own lines are no JSON, and the words of its error may end in bytes that are none."""
    refused = lines(
        "import resource, grpc\n"
        "channel = grpc.insecure_channel('localhost:1')\n"
        "call = channel.unary_unary('/a/b')\n"
        "try: call(b'', timeout=0.1)\n"
        "except grpc.RpcError: pass\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))\n"
        "for _ in range(3):\n"
        "    try: call(b'', timeout=3, wait_for_ready=False)\n"
        "    except grpc.RpcError: log.info('refused')\n"
        "logging.getLogger('grpc._cython.cygrpc').warning('Invalid encoding on %s', b'x')\n"
        "logging.getLogger('grpc._cython.cygrpc').warning('else')\n"
    )
    assert [each["event"] for each in refused] == ["refused"] * 3 + ["grpc._cython.cygrpc"]
