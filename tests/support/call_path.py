"""The path of a plain chat, as docs/architecture.md draws it."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def drawn() -> set[str]:
    """Return the files whose modules stand in the drawing."""
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    drawing = page.split("## A request", 1)[1].split("```")[1]
    found = re.findall(r"(conduit_[a-z_/]+?)(?:\{([a-z_,]+)\}|(?=[\s,]))", drawing)
    return {f"services/{place}{name}.py" for place, names in found for name in names.split(",")}
