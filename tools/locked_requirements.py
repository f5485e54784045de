"""Writes deploy/requirements.txt: what Conduit runs on, each version with its hashes, from uv.lock.

    python -m tools.locked_requirements            write it
    python -m tools.locked_requirements --check    only say whether it is up to date

pip reads no lock of uv's; with `--require-hashes` it installs nothing but these very files.
"""

import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "deploy" / "requirements.txt"
OURS = "conduit-suite"
# Of the extras, what the image has.
EXTRAS = ("otel",)
HEAD = "# Written from uv.lock by `python -m tools.locked_requirements`.\n"

Package = dict[str, Any]


def page(lock: str) -> str:
    """Return the requirements that a lock has, in order."""
    packages = {each["name"]: each for each in tomllib.loads(lock)["package"]}
    needed = closure(packages, EXTRAS)
    lines = (line for name in sorted(needed) for line in lines_of(packages[name], needed[name]))
    return HEAD + "".join(lines)


def closure(packages: dict[str, Package], extras: Sequence[str]) -> dict[str, set[str]]:
    """Return what Conduit needs, by name, with the markers under which each is; "" is always.

    A marker on the way to a package is not kept where another way has none.
    """
    found: dict[str, set[str]] = {}
    waiting: list[tuple[Package, str]] = [({"name": OURS, "extra": extras}, "")]
    seen = set[tuple[str, str, str]]()
    while waiting:
        needed, above = waiting.pop()
        name, marker = needed["name"], _both(above, needed.get("marker", ""))
        key = (name, marker, ",".join(needed.get("extra", ())))
        if key in seen:
            continue
        seen.add(key)
        if name != OURS:
            found.setdefault(name, set()).add(marker)
        package = packages[name]
        waiting += [(each, marker) for each in package.get("dependencies", ())]
        for extra in needed.get("extra", ()):
            waiting += [(each, marker) for each in package["optional-dependencies"][extra]]
    return found


def _both(first: str, second: str) -> str:
    if not (first and second) or first == second:
        return first or second
    return f"({first}) and ({second})"


def lines_of(package: Package, markers: set[str]) -> Iterator[str]:
    """Yield the lines of a package: version and marker, then the hash of each of its files."""
    condition = "" if "" in markers else " or ".join(f"({each})" for each in sorted(markers))
    suffix = f" ; {condition}" if condition else ""
    files = [*package.get("wheels", ()), *([package["sdist"]] if "sdist" in package else [])]
    hashes = sorted({each["hash"] for each in files})
    yield f"{package['name']}=={package['version']}{suffix} \\\n"
    yield " \\\n".join(f"    --hash={each}" for each in hashes) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Write the file, or say whether it is what would be written."""
    text = page((ROOT / "uv.lock").read_text("utf-8"))
    if "--check" not in arguments:
        PAGE.write_text(text, "utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text("utf-8") == text:
        return 0
    print("deploy/requirements.txt is out of date: run python -m tools.locked_requirements")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
