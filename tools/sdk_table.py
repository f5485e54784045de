"""Writes the table in docs/compatibility.md of SDKs and the dialects they were tried with.

    python -m tools.sdk_table            write it
    python -m tools.sdk_table --check    only say whether it is up to date

A cell has what the SDK reads as the wire cases have it; it does so in
tests/conformance/test_sdks_by_dialect.py.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from tests.support.recorded_dialects import CASES, KINDS, Heard, recorded
from tests.support.sdk_chats import SDKS, SdkChat

PAGE = Path(__file__).parents[1] / "docs" / "compatibility.md"
BEGIN = "<!-- Written by python -m tools.sdk_table -->\n"
END = "<!-- Until here -->\n"


def page(written: str) -> str:
    """Return the page with its other parts as they are."""
    before, begin, rest = written.partition(BEGIN)
    _, end, after = rest.partition(END)
    return "".join([before, begin, *table(), end, after])


def table() -> Iterator[str]:
    """Yield the lines: a row for each dialect, a column for each SDK and route."""
    heads = [f"{sdk.name}, `{sdk.route.rpartition('/')[2]}`" for sdk in SDKS]
    yield f"| provider type | {' | '.join(heads)} |\n"
    yield f"|---{'|---' * len(SDKS)}|\n"
    for kind in KINDS:
        yield f"| {kind} | {' | '.join(_cell(kind, sdk) for sdk in SDKS)} |\n"


def _cell(kind: str, sdk: type[SdkChat]) -> str:
    if kind in sdk.passed:
        return "passes as it is"
    found = [recorded(kind, case, is_stream=stream) for case in CASES for stream in (False, True)]
    return ", ".join(name for name in Heard._fields if any(getattr(each, name) for each in found))


def main(arguments: list[str]) -> int:
    """Write the table, or say whether it is up to date."""
    written = PAGE.read_text(encoding="utf-8")
    made = page(written)
    if "--check" in arguments:
        return int(made != written)
    PAGE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
