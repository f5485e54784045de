"""What the OpenAPI document allows is taken, and answered as it says; what it forbids is refused.

Schemathesis makes the requests, from the document alone, for a gateway of its own whose provider is
the simulator. `make schema` makes more of them; the same seed makes the same.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.gateways import Served

from conduit_cli.keys import MASTER, VIRTUAL, KeyFile

HERE = Path(__file__).parent / "document"
SCHEMATHESIS = Path(sys.executable).parent / "schemathesis"
EXAMPLES = os.environ.get("CONDUIT_SCHEMA_EXAMPLES", "2")
SEED = os.environ.get("CONDUIT_SCHEMA_SEED", "1")
# One alone makes the same requests each time.
WORKERS = "1"
SECONDS_EACH = 300

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not SCHEMATHESIS.exists(), reason="the group `dev` installs it"),
    # Each of some sixty operations has its examples, on machines that have others to run.
    pytest.mark.timeout(int(EXAMPLES) * SECONDS_EACH),
]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Run a gateway."""
    gateway = Served(tmp_path_factory.mktemp("served"))
    try:
        yield gateway
    finally:
        gateway.stop()


# Calls first: what is done to the configuration may leave them without a provider.
@pytest.mark.parametrize("family", ["/v1", "/v1beta", "/api"])
def test_what_the_document_allows_is_taken_and_answered_as_it_says(
    served: Served, tmp_path: Path, family: str
) -> None:
    """No error of ours, no refusal as a wrong request, statuses and answers as documented."""
    _hold(served, tmp_path, family, "allowed.toml", "positive")


@pytest.mark.parametrize("family", ["/v1", "/v1beta", "/api"])
def test_what_the_document_forbids_is_refused(served: Served, tmp_path: Path, family: str) -> None:
    """As a caller's mistake, in the documented shape: no error of ours, and nothing is done."""
    _hold(served, tmp_path, family, "forbidden.toml", "negative")


def _hold(served: Served, folder: Path, family: str, config: str, mode: str) -> None:
    """Make requests of a kind, and have the answers held to the document."""
    keys = KeyFile(served.data_dir).read()
    command = [
        *(str(SCHEMATHESIS), "--config-file", str(HERE / config), "run"),
        *(f"{served.url}/openapi.json", "--include-path-regex", f"^{family}/"),
        *("--mode", mode, "--max-examples", EXAMPLES, "--seed", SEED, "--workers", WORKERS),
        *("--header", f"X-Master-Key: {keys[MASTER]}"),
        *("--header", f"Authorization: Bearer {keys[VIRTUAL]}"),
    ]
    environment = {**os.environ, "PYTHONPATH": str(HERE), "PYTHONHASHSEED": "0", "NO_COLOR": "1"}
    made = subprocess.run(  # noqa: S603 # a program of the group `dev`
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stdout + made.stderr
    assert "Traceback" not in "".join(served.log)
