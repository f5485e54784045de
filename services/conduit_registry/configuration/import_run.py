"""What the sections of one import share: what it works with, and what it tells."""

from collections.abc import Mapping, Sequence

from conduit_kernel.audit.changes import differences
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.slices import Slices
from conduit_registry import messages
from conduit_registry.configuration.editor import Editor
from conduit_registry.configuration.problems import Problems
from conduit_registry.values import Resource

# Reported as a rotation.
_APART = frozenset({"maskedApiKey", "rotatedAt"})


class ImportRun:
    """One import under way, within one transaction."""

    def __init__(
        self, editor: Editor, problems: Problems, *, is_rehearsal: bool, keeps_others: bool
    ) -> None:
        """Take what changes things, and whether what the document does not name stays."""
        self.editor = editor
        self.reading = editor.changing
        self.problems = problems
        self.is_rehearsal = is_rehearsal
        self.keeps_others = keeps_others
        self.slices = Slices()
        # One for each change, in order.
        self.lines: list[str] = []
        # What the document does not name, and stays.
        self.kept: list[str] = []

    def removes(self, label: str) -> bool:
        """Return whether a thing that the document does not name goes, and tell of it."""
        if self.keeps_others:
            self.kept.append(label)
            return False
        self.lines.append(f"deleted {label}")
        return True

    def tell(self, label: str, old: Resource | None, new: Resource) -> None:
        """Tell what a thing was made, or how it was changed."""
        if old is None:
            self.lines.append(f"created {label}")
            return
        changes = differences(messages.shown(old), messages.shown(new))
        shown = [
            f"{n}: {c['from']!r} to {c['to']!r}" for n, c in changes.items() if n not in _APART
        ]
        if shown:
            self.lines.append(f"changed {label}, {', '.join(shown)}")

    def named_once(self, found: Sequence[tuple[object, str]], field: str) -> set[object]:
        """Return what the document names, and note what it names twice."""
        seen: set[object] = set()
        for each, path in found:
            with self.problems.at(path):
                if each in seen:
                    message = f"{path} is in the document twice"
                    raise InvalidRequest(message, field=f"{path}.{field}")
            seen.add(each)
        return seen


def is_same(old: Resource, given: Mapping[str, object]) -> bool:
    """Return whether a thing is already what it shall be: most are, when a document comes again."""
    return all(getattr(old, name) == value for name, value in given.items())
