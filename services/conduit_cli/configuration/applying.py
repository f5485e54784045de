"""Compares a file with a running gateway, and makes the gateway what it says."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from conduit_cli.configuration.file import COSTS, ConfigFile, FileProblems, Problem
from conduit_cli.configuration.listed import (
    KINDS,
    Changes,
    ListedKind,
    Members,
    changes_of,
    every,
    shown,
)
from conduit_cli.gateway import Gateway

# An id that no instance has: of those that the Registry is about to make.
_COMING = 10**15
# Names may have anything but the end of a line; a value is at the end.
_WITH_VALUE = re.compile("(created virtual key .*): (condt_[A-Za-z0-9_-]+)")


@dataclass(slots=True)
class Outcome:
    """The differences, or the changes that were made, and things that the file does not name."""

    lines: list[str] = field(default_factory=list[str])
    kept: list[str] = field(default_factory=list[str])


class Applying:
    """One file, and one gateway."""

    def __init__(self, gateway: Gateway, file: ConfigFile, *, prunes: bool) -> None:
        """Take whether what sections of the file do not name is removed."""
        self._gateway = gateway
        self._file = file
        self._prunes = prunes

    def compare(self) -> Outcome:
        """Return what is different. FileProblems names all that is wrong with the file."""
        try:
            outcome, problems = self._registry(is_dry=True), []
        except FileProblems as error:
            outcome, problems = Outcome(), error.problems
        return self._compare_listed(outcome, problems)

    def _compare_listed(self, outcome: Outcome, problems: list[Problem]) -> Outcome:
        coming = [str(each) for each in self._file.provider_names]
        ids = dict.fromkeys(map(_folded, coming), _COMING) | self._ids()
        for kind, wanted in self._listed():
            try:
                changes = self._changes(kind, wanted, ids)
            except FileProblems as error:
                problems += error.problems
                continue
            outcome.lines += [change.line for change in changes.todo]
            outcome.kept += changes.kept
        if problems:
            raise FileProblems(problems)
        return outcome

    def apply(self, told: Callable[[str, str], None]) -> Outcome:
        """Make the gateway so, and tell each change as it is done, with what is shown this once.

        What the Registry keeps changes as one; prices and webhooks one by one behind that, but
        where anything is wrong with them nothing is done at all: FileProblems names it.
        """
        self._compare_listed(Outcome(), [])
        outcome = self._registry(is_dry=False)
        parted = [_parted(line) for line in outcome.lines]
        outcome.lines = [line for line, _ in parted]
        for line, secret in parted:
            told(line, secret)
        ids = self._ids()
        for kind, wanted in self._listed():
            changes = self._changes(kind, wanted, ids)
            outcome.kept += changes.kept
            for change in changes.todo:
                answer = self._gateway.call(change.method, change.path, change.body)
                outcome.lines.append(change.line)
                told(change.line, str(answer.get("secret") or ""))
        return outcome

    def _registry(self, *, is_dry: bool) -> Outcome:
        if not self._file.sections:
            return Outcome()
        asked = {
            "yaml": self._file.registry_document,
            "dryRun": is_dry,
            "keepOthers": not self._prunes,
            "reportProblems": True,
        }
        answer = self._gateway.call("PUT", "/api/config", asked)
        if found := answer.get("problems"):
            raise FileProblems([Problem(str(p["path"]), str(p["message"])) for p in found])
        lines = [str(line) for line in answer.get("changes") or ()]
        return Outcome(lines, list(answer.get("kept") or ()))

    def _listed(self) -> list[tuple[ListedKind, list[Members]]]:
        listed = self._file.listed
        return [(kind, listed[kind.section]) for kind in KINDS if kind.section in listed]

    def _changes(self, kind: ListedKind, wanted: list[Members], ids: dict[str, int]) -> Changes:
        names = {number: name for name, number in self._providers().items()}
        there = shown(self._gateway, kind, names)
        return changes_of(kind, wanted, there, ids, prunes=self._prunes)

    def _ids(self) -> dict[str, int]:
        return {_folded(name): number for name, number in self._providers().items()}

    def _providers(self) -> dict[str, int]:
        if COSTS not in self._file.listed:
            return {}
        found = every(self._gateway, "/api/providers", "providers")
        return {str(each["name"]): int(each["id"]) for each in found}


def _folded(name: str) -> str:
    return name.strip().casefold()


def _parted(line: str) -> tuple[str, str]:
    """Return a line of the Registry's, and the value of the virtual key that it made."""
    found = _WITH_VALUE.fullmatch(line)
    return (found[1], found[2]) if found else (line, "")
