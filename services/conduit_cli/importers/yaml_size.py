"""Says what a YAML file comes to, before anything is made of it.

Aliases are usual in files of other gateways, and a few of them can stand for more than any memory
holds, or for themselves.
"""

from typing import Any

import yaml

MAX_VALUES, MAX_DEPTH = 1_000_000, 100


class TooMuch(Exception):
    """A file is too large, too deep or endless with its aliases followed; the message says why."""


def check_size(text: str, loader: Any) -> None:  # noqa: ANN401 # a class of the library's, of no type
    """Raise TooMuch if a text stands for too much. YAMLError if it is no YAML."""
    # How many values each anchor stands for, and each collection that is not at its end.
    known: dict[str, int] = {}
    begun: list[tuple[str | None, int]] = [(None, 0)]
    for event in yaml.parse(text, loader):
        size, anchor = 0, getattr(event, "anchor", None)
        if isinstance(event, yaml.CollectionStartEvent):
            begun.append((anchor, 1))
            if len(begun) > MAX_DEPTH:
                raise TooMuch(f"it is nested deeper than {MAX_DEPTH}")
            continue
        if isinstance(event, yaml.AliasEvent):
            if anchor not in known:
                raise TooMuch("it has an alias of what is not whole there")
            size = known[anchor]
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, size = begun.pop()
        elif isinstance(event, yaml.ScalarEvent):
            size = 1
        name, before = begun[-1]
        begun[-1] = name, before + size
        if before + size > MAX_VALUES:
            raise TooMuch(f"its aliases stand for more than {MAX_VALUES:,} values")
        if anchor is not None:
            known[anchor] = size
