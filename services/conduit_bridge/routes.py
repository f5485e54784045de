"""Which path is served by what.

Templates are those of `google.api.http`: literals, `{name}` for one segment, `{name=**}` as the
last for all that follow, which may have a verb behind it: `{name=**}:verb`. A literal wins over a
variable, a variable over the rest, a rest with a verb over one without.
"""

from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar
from urllib.parse import unquote

from conduit_kernel.errors import InvalidRequest

TargetT = TypeVar("TargetT")
Params = dict[str, str]
NO_PARAMS: Params = {}


class _Node(Generic[TargetT]):
    __slots__ = ("literals", "rest", "rests", "variable", "verbs")

    def __init__(self) -> None:
        self.literals: dict[str, _Node[TargetT]] = {}
        self.variable: _Node[TargetT] | None = None
        self.rest: _Node[TargetT] | None = None
        # By what stands behind the last colon.
        self.rests: dict[str, _Node[TargetT]] = {}
        self.verbs: dict[str, tuple[TargetT, tuple[str, ...]]] = {}


class RouteTable(Generic[TargetT]):
    """Templates and their targets by verb. Filled at the start, then only asked."""

    def __init__(self) -> None:
        self._root: _Node[TargetT] = _Node()
        # Of paths without variables, by path and verb.
        self.literals: dict[str, Mapping[str, tuple[TargetT, tuple[str, ...]]]] = {}

    def add(self, verb: str, template: str, target: TargetT) -> None:
        """Let `target` serve a verb of a template; GET serves HEAD too. The last one added wins."""
        node = self._root
        names: list[str] = []
        for segment in _segments(template):
            node = _child(node, segment, names)
        if not names:
            self.literals[template] = node.verbs
        node.verbs[verb] = (target, tuple(names))
        if verb == "GET":
            node.verbs.setdefault("HEAD", (target, tuple(names)))

    def find(self, path: str, verb: str) -> tuple[TargetT | None, Params, Mapping[str, object]]:
        """Return target, path parameters and all verbs of a raw path.

        No target but verbs: the path does not know the verb. Neither: there is no such path.
        InvalidRequest if the path is not UTF-8.
        """
        verbs = self.literals.get(path)
        if verbs is not None:
            found = verbs.get(verb)
            return (found[0] if found else None), NO_PARAMS, verbs
        values: list[str] = []
        node = _walk(self._root, _decoded(path), 0, values)
        if node is None:
            return None, NO_PARAMS, {}
        found = node.verbs.get(verb)
        if found is None:
            return None, NO_PARAMS, node.verbs
        return found[0], dict(zip(found[1], values, strict=True)), node.verbs


def _segments(template: str) -> list[str]:
    return template.split("/")[1:]


def _child(node: _Node[TargetT], segment: str, names: list[str]) -> _Node[TargetT]:
    if not segment.startswith("{"):
        return node.literals.setdefault(segment, _Node())
    inner, _, verb = segment[1:].partition("}")
    name, _, pattern = inner.partition("=")
    names.append(name)
    if verb:
        return node.rests.setdefault(verb.removeprefix(":"), _Node())
    if pattern == "**":
        node.rest = node.rest or _Node()
        return node.rest
    node.variable = node.variable or _Node()
    return node.variable


def _decoded(path: str) -> list[str]:
    # One slash too many is forgiven: base URLs are joined by hand.
    segments = path.removesuffix("/").split("/")[1:]
    if "%" not in path:
        return segments
    try:
        return [unquote(segment, errors="strict") for segment in segments]
    except UnicodeDecodeError as error:
        raise InvalidRequest("The path is not UTF-8", field="path") from error


def _walk(
    node: _Node[TargetT], segments: list[str], at: int, values: list[str]
) -> _Node[TargetT] | None:
    """Try literal, variable and rest, in this order; depth is bounded by the templates."""
    if at == len(segments):
        return node if node.verbs else None
    for following, value in _ways(node, segments[at]):
        taken = len(values)
        if value:
            values.append(value)
        found = _walk(following, segments, at + 1, values)
        if found is not None:
            return found
        del values[taken:]
    if not segments[at]:
        return None
    rest = "/".join(segments[at:])
    name, _, verb = rest.rpartition(":")
    if name and (found := node.rests.get(verb)) is not None:
        values.append(name)
        return found
    if node.rest is not None:
        values.append(rest)
    return node.rest


def _ways(node: _Node[TargetT], segment: str) -> Iterator[tuple[_Node[TargetT], str]]:
    if segment in node.literals:
        yield node.literals[segment], ""
    if node.variable is not None and segment:
        yield node.variable, segment
