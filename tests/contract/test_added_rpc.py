"""A service that is added to the contract needs nothing but generation."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.protos import INCLUDES

ROOT = Path(__file__).parents[2]
ADDED = Path(__file__).parent / "added"
PROGRAMS = Path(sys.executable).parent


def run(*command: object, **environment: str) -> None:
    """Run a program of ours; fail with what it says."""
    done = subprocess.run(  # noqa: S603 - our own programs
        [str(part) for part in command],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_added_service_is_served_by_generation_alone(tmp_path: Path) -> None:
    """Converters, routes, tables and the document come of the proto, whatever options it uses."""
    protos, out = tmp_path / "protos", tmp_path / "out"
    shutil.copytree(ROOT / "protos", protos)
    shutil.copy(ADDED / "thing_service.proto", protos / "conduit" / "v1")
    out.mkdir()
    run(
        *(sys.executable, "-m", "grpc_tools.protoc"),
        *(f"-I{path}" for path in (protos, *INCLUDES)),
        f"--plugin=protoc-gen-conduit={ROOT / 'tools' / 'protoc-gen-conduit-python'}",
        *(f"--python_out={out}", f"--conduit_out={out}"),
        *sorted(path.relative_to(protos) for path in (protos / "conduit").rglob("*.proto")),
        PATH=f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}",
    )
    run(sys.executable, ADDED / "use_thing.py", PYTHONPATH=str(out))
    # Any mistake in the generated text that this program did not step on.
    lint = ("check", "--isolated", "--select", "F,E7,E9", "--exclude", "*_pb2*.py")
    run(PROGRAMS / "ruff", *lint, out / "conduit")
