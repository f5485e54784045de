"""Makes this version's release: its section of the changelog, and the databases that it leaves.

    python -m tools.release    `make release` writes the contract's image beside

The databases are those of a gateway that lived through all that leaves something; later versions
are upgraded from them (`tests/integration/releases`).
"""

import asyncio
import datetime as dt
import re
import tempfile
import tomllib
from itertools import pairwise
from pathlib import Path

from tests.support.release_life import KEPT, live
from tests.support.releases import FOLDER, ROOT, write
from tests.support.suite import running_suite

CHANGELOG = ROOT / "CHANGELOG.md"
UNRELEASED = "## [Unreleased]"
_VERSION = re.compile(r"^## \[", re.MULTILINE)
_KIND = re.compile(r"^### (.+)$", re.MULTILINE)


def main() -> None:
    """Write both; made again, a release has what came since as well."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    asyncio.run(leave_databases(FOLDER / version))
    text = CHANGELOG.read_text("utf-8")
    CHANGELOG.write_text(released(text, version, dt.datetime.now(dt.UTC).date()), "utf-8")
    print(f"{version} is released: commit CHANGELOG.md, tests/releases and protos/baseline.binpb")


async def leave_databases(folder: Path) -> None:
    """Let a gateway live, and write what it leaves into a folder."""
    with tempfile.TemporaryDirectory(prefix="conduit-release-") as data_dir:
        async with running_suite(Path(data_dir), **KEPT) as suite:
            write(Path(data_dir), await live(suite), folder)


def released(changelog: str, version: str, day: dt.date) -> str:
    """Return a changelog in which what was unreleased is a version's, of a day.

    What the version has already stays in it, behind what is new.
    """
    head, unreleased, versions = _parts(changelog)
    title = f"## [{version}] - "
    former = [each for each in versions if each.startswith(title)]
    others = [each for each in versions if not each.startswith(title)]
    kinds: dict[str, str] = {}
    for section in (unreleased, *former):
        for kind, entries in _entries(section):
            kinds[kind] = f"{kinds.get(kind, '')}{entries}"
    body = "\n".join(f"### {kind}\n\n{entries}" for kind, entries in kinds.items())
    made = f"{title}{day}\n\n{body}"
    return "\n".join([f"{head}{UNRELEASED}\n", made, *others])


def _parts(changelog: str) -> tuple[str, str, list[str]]:
    """Return what stands before, the section that is unreleased, and those of versions."""
    head, _, rest = changelog.partition(UNRELEASED)
    starts = [*(found.start() for found in _VERSION.finditer(rest)), len(rest)]
    sections = [rest[at:end].rstrip("\n") + "\n" for at, end in pairwise(starts)]
    return head, rest[: starts[0]], sections


def _entries(section: str) -> list[tuple[str, str]]:
    """Return the entries of a section, by what kind of change they are."""
    found = [*_KIND.finditer(section)]
    ends = [*(each.start() for each in found), len(section)][1:]
    return [
        (each[1], section[each.end() : end].strip("\n") + "\n")
        for each, end in zip(found, ends, strict=True)
    ]


if __name__ == "__main__":
    main()
