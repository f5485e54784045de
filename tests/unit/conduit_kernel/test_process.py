"""How a process ends: in one line and with a number, or after a signal."""

import asyncio
import os
import signal

import pytest

from conduit_kernel.errors import ServiceUnavailable
from conduit_kernel.process import (
    FAILED,
    WRONG_CONFIGURATION,
    exit_in_words,
    stop_event,
    to_stderr,
)


def test_a_wrong_configuration_has_a_number_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    """A supervisor need not try again with the same one."""
    with pytest.raises(SystemExit) as caught, exit_in_words(to_stderr("registry")):
        raise ValueError("CONDUIT_HTTP_PORT must be a whole number, not 'x'")
    assert caught.value.code == WRONG_CONFIGURATION
    line = "conduit registry: CONDUIT_HTTP_PORT must be a whole number, not 'x'\n"
    assert capsys.readouterr().err == line


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ServiceUnavailable("is the port taken?"), "is the port taken?"),
        (FileNotFoundError(2, "No such file", "/data"), "/data: No such file"),
        (ConnectionResetError(104, "Connection reset by peer"), "Connection reset by peer"),
        (OSError("of no number"), "of no number"),
    ],
)
def test_what_may_pass_is_a_failure_in_one_line(error: Exception, words: str) -> None:
    """Of the services around it or of the system."""
    said: list[str] = []
    with pytest.raises(SystemExit) as caught, exit_in_words(said.append):
        raise error
    assert (caught.value.code, said) == (FAILED, [words])


def test_a_fault_of_ours_is_not_put_into_words() -> None:
    """Its traceback is what helps; and who ends well ends without an exit."""
    with pytest.raises(KeyError), exit_in_words(to_stderr("health")):
        raise KeyError("a fault")
    with exit_in_words(to_stderr("health")):
        pass


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_asks_for_the_end(number: signal.Signals) -> None:
    """It interrupts nothing, however often it comes."""
    loop = asyncio.get_running_loop()
    stop = stop_event()
    try:
        assert not stop.is_set()
        for _ in range(2):
            os.kill(os.getpid(), number)
            async with asyncio.timeout(2):
                await stop.wait()
    finally:
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(each)
