"""`tools/try-stubs.sh` leaves out what cannot be tried here, and nothing that fails."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "tools" / "try-stubs.sh"
# It greets as a gateway does, whose data are in the folder of its third word, and serves nothing.
GATEWAY = """#!/usr/bin/env bash
echo $$ > .pid
sleep 100 & trap "kill $!; exit" TERM
echo 'virtual_key = "condt_key"' > "$3/keys.toml"
echo 'End it with Ctrl-C'
wait
"""
END = "pid=$(cat .pid); kill $pid; while kill -0 $pid 2>/dev/null; do sleep 0.1; done"


def outcome(folder: Path, block: str) -> tuple[str, int]:
    """Return what is said of a language whose block is this, and the script's status."""
    files = {
        "clients/README.md": f"## Go\n\n```sh\n{block}\n```\n",
        ".venv/bin/conduit": GATEWAY,
        ".venv/bin/go": "#!/usr/bin/env bash\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    (folder / "tools").mkdir()
    path = f"{folder}/.venv/bin:{os.environ['PATH']}"
    done = subprocess.run(  # noqa: S603 # our own script
        [shutil.copy(SCRIPT, folder / "tools"), "Go"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": path},
    )
    return done.stdout.splitlines()[0], done.returncode


@pytest.mark.parametrize(
    ("block", "said", "status"),
    [
        ("echo 'Hello from Go!'", "Go: streams", 0),
        ("echo 'dial tcp: lookup proxy: no such host'; false", "Go: left out", 0),
        ('echo "dial tcp $CONDUIT_ROUTER: connect: connection refused"; false', "Go: FAILED", 1),
        (f"{END}; echo 'Connection refused'; false", "Go: FAILED", 1),
        ("echo Hello", "Go: FAILED", 1),
    ],
    ids=["streams", "no-registry", "no-router", "dead-gateway", "says-something-else"],
)
def test_only_what_cannot_be_tried_is_left_out(
    tmp_path: Path, block: str, said: str, status: int
) -> None:
    """A gateway that is not there is no missing registry."""
    line, ended_with = outcome(tmp_path, block)
    assert (line.startswith(said), ended_with) == (True, status), line
