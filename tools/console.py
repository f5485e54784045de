"""Writes the console into the bridge's package from `console/`; needs npm.

usage: python -m tools.console [--check]
"""

import gzip
import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import brotli

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "console"
ASSETS = ROOT / "services" / "conduit_bridge" / "console" / "assets"
# A picture of a few hundred bytes is smaller as it is.
WORTHWHILE_BYTES = 1400
# What the committed files were made of, so that a change of it is noticed where npm is not.
MARK = "sources.sha256"
MADE_OF = ("build.mjs", "package.json", "package-lock.json", "tsconfig.json")


def build(folder: Path) -> None:
    """Write the console into a folder, in all forms that browsers take."""
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("The console is made with npm, which is not here.")
    install = [npm, "ci", "--silent", "--no-fund", "--no-audit"]
    steps = [[npm, "run", "-s", "check"], [npm, "run", "-s", "build", "--", str(folder)]]
    for command in steps if _is_installed() else [install, *steps]:
        subprocess.run(command, cwd=SOURCES, check=True)  # noqa: S603 # of our own
    (folder / MARK).write_text(mark())
    for path in list(folder.iterdir()):
        body = path.read_bytes()
        if len(body) >= WORTHWHILE_BYTES:
            Path(f"{path}.gz").write_bytes(gzip.compress(body, 9, mtime=0))
            Path(f"{path}.br").write_bytes(brotli.compress(body, quality=11))


def _is_installed() -> bool:
    """Return whether what the lock file names was installed since it was written."""
    lock, installed = SOURCES / "package-lock.json", SOURCES / "node_modules" / ".package-lock.json"
    return installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime


def mark() -> str:
    """Return what stands for the sources: another text for each change of them."""
    paths = [SOURCES / name for name in MADE_OF]
    paths += sorted(path for path in (SOURCES / "src").rglob("*") if path.is_file())
    digest = hashlib.sha256()
    for path in paths:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(SOURCES).as_posix()} {len(content)}\n".encode())
        digest.update(content)
    return f"{digest.hexdigest()}\n"


def contents(folder: Path) -> dict[str, bytes]:
    """Return what is in a folder, compressed files by what they say."""
    found = {path.name: path.read_bytes() for path in folder.iterdir()}
    # Other versions of a library pack the same into other bytes.
    unfold = {".gz": gzip.decompress, ".br": brotli.decompress}
    return {name: unfold.get(Path(name).suffix, bytes)(body) for name, body in found.items()}


def main() -> None:
    """Build, or say what differs from what is committed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build(folder)
        made, kept = contents(folder), contents(ASSETS)
        if "--check" in sys.argv:
            differing = sorted(
                name for name in made.keys() | kept if made.get(name) != kept.get(name)
            )
            if differing:
                sys.exit(f"The console is not what `make console` makes: {', '.join(differing)}")
            return
        for path in ASSETS.iterdir():
            path.unlink()
        for path in folder.iterdir():
            shutil.copyfile(path, ASSETS / path.name)


if __name__ == "__main__":
    main()
