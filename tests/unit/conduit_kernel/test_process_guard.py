"""What others on the machine learn of a process: nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import ctypes, os, resource, sys
from conduit_kernel.process_guard import guard_process
guard_process({})
os.close(os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY, 0o666))
os.mkdir(sys.argv[1] + ".d")
print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="others have no such means")
def test_a_guarded_process_leaves_nothing_to_others(tmp_path: Path) -> None:
    """Its files are its user's, and it can neither be dumped nor traced."""
    file = tmp_path / "made"
    done = subprocess.run(  # noqa: S603 # our own program
        [sys.executable, "-c", PROGRAM, str(file)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        # A umask that gives all to everybody, which it is not to keep.
        umask=0,
    )
    assert done.stdout.split() == ["(0,", "0)", "0"]
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.with_suffix(".d").stat().st_mode & 0o777 == 0o700
