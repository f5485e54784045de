"""A file that says how a gateway is configured, and on which line it says what."""

import json
import re
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import yaml

from conduit_kernel.errors import InvalidRequest
from conduit_registry.configuration.document import Members, members, parse

# What Billing and Health keep; all other sections are the Registry's.
LISTED = (COSTS, WEBHOOKS) = ("modelCosts", "webhooks")
# The Registry takes 16 million characters.
MAX_BYTES = 64 * 1024 * 1024
_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]")


class Problem(NamedTuple):
    """One thing that is wrong with a file."""

    # Such as `providers[0].weight`; empty for the file as a whole.
    path: str
    message: str


class FileProblems(Exception):
    """A file cannot be applied as it is."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(f"{len(problems)} problems")
        self.problems = problems


class ConfigFile:
    """One file, YAML or JSON, as it was when it was read."""

    def __init__(self, path: Path, text: str) -> None:
        """Take a text. FileProblems if it is no document of a configuration."""
        self._path = path
        self._text = text
        try:
            document = _document(text)
            # By section: the things that the API keeps one by one.
            self.listed = {
                name: members(document[name], name) for name in LISTED if name in document
            }
        except InvalidRequest as error:
            field = error.metadata.get("field", "")
            problem = Problem("" if field == "yaml" else field, error.message)
            raise FileProblems([problem]) from error
        self._registry = {k: v for k, v in document.items() if k not in LISTED}

    @classmethod
    def read(cls, path: Path) -> "ConfigFile":
        """Return a file as it is now. OSError or UnicodeError if it cannot be read."""
        # What is no regular file does not say its size.
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise FileProblems([Problem("", f"a file has at most {MAX_BYTES // 1024**2} MiB")])
        return cls(path, content.decode("utf-8-sig"))

    @property
    def registry_document(self) -> str:
        """Return what the Registry keeps of it, as a document of its own."""
        return json.dumps(self._registry, ensure_ascii=False)

    @property
    def sections(self) -> set[str]:
        """Return the sections of the Registry that it has."""
        return set(self._registry) - {"version"}

    @property
    def provider_names(self) -> list[str]:
        """Return the names of the instances that it has."""
        found = self._registry.get("providers")
        things = found if isinstance(found, list) else []
        return [str(each.get("name", "")) for each in things if isinstance(each, dict)]

    def place_of(self, path: str) -> str:
        """Return the file, and the line as far as a path can be followed there."""
        line = self._line_of(path)
        return f"{self._path}:{line}" if line else str(self._path)

    def _line_of(self, path: str) -> int:
        node, line = self._root, 0
        for name, index in _STEP.findall(path):
            found = _inside(node, name, index)
            if found is None:
                break
            line, node = found
        return line

    @cached_property
    def _root(self) -> yaml.Node | None:
        try:
            return yaml.compose(self._text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        except yaml.YAMLError:
            return None


def _inside(node: yaml.Node | None, name: str, index: str) -> tuple[int, yaml.Node] | None:
    """Return the line and the node of a member, or of an item."""
    if index and isinstance(node, yaml.SequenceNode) and int(index) < len(node.value):
        item = node.value[int(index)]
        return item.start_mark.line + 1, item
    if name and isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == name:
                return key.start_mark.line + 1, value
    return None


def _document(text: str) -> Members:
    document = parse(text)
    if not isinstance(document, dict):
        raise InvalidRequest("a document has sections, such as `providers`")
    return document
