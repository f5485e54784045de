"""Asks for known vulnerabilities of what Conduit runs on, as `deploy/requirements.txt` has it.

The source is OSV, which has those of PyPI among others: one question for all packages, each
answered in its order by ids (https://google.github.io/osv.dev/post-v1-querybatch/). Exits with 1 if
there are any, and with 0, saying so, where the source cannot be reached: nothing is known then.
"""

import json
import re
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

SOURCE = "https://api.osv.dev/v1/querybatch"
LOCKED = Path(__file__).parents[1] / "deploy/requirements.txt"
SECONDS = 30.0
MAX_BYTES = 16 * 1024 * 1024
_LINE = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)


class Package(NamedTuple):
    """A version of a package."""

    name: str
    version: str


class Unreachable(Exception):
    """The source does not answer, or not as it says that it does."""


def packages_in(text: str) -> list[Package]:
    """Return what a file of locked requirements names."""
    return [Package(*found) for found in _LINE.findall(text)]


def advisories(packages: Sequence[Package], source: str = SOURCE) -> dict[Package, list[str]]:
    """Return the ids of what is known of packages, of those with any. Unreachable."""
    asked = [
        {"package": {"name": each.name, "ecosystem": "PyPI"}, "version": each.version}
        for each in packages
    ]
    request = urllib.request.Request(  # noqa: S310 # as it is given
        source,
        json.dumps({"queries": asked}).encode(),
        {"content-type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 # as above
            results = json.loads(answer.read(MAX_BYTES))["results"]
        # A further page is of one that has many already.
        found = [[vuln["id"] for vuln in each.get("vulns", ())] for each in results]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unreachable(f"{type(error).__name__}: {error}") from error
    if len(found) != len(packages):
        raise Unreachable(f"{len(found)} answers for {len(packages)} packages")
    return {package: ids for package, ids in zip(packages, found, strict=True) if ids}


def told(found: Mapping[Package, list[str]], count: int) -> str:
    """Return what is known, a line for each package."""
    lines = [f"{name} {version}: {', '.join(ids)}" for (name, version), ids in found.items()]
    return "\n".join((*lines, f"{len(found)} of {count} packages have known vulnerabilities."))


def main(source: str = SOURCE, locked: Path = LOCKED) -> int:
    """Print what is known; return the exit code."""
    packages = packages_in(locked.read_text("utf-8"))
    try:
        found = advisories(packages, source)
    except Unreachable as error:
        print(f"No advisories could be asked for ({error}): nothing is known of them.")
        return 0
    print(told(found, len(packages)))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
