"""The expected side of the wire cases: compared with what is found, or written anew."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import orjson
from tests.support.case_file import CaseFile
from tests.support.replays import RESULT, Replay, reviewed
from tests.support.wire_cases import WIRE, Json

# Our own texts, each with the cases that end with it: a word of one is changed in one place.
MESSAGES = WIRE / "messages.txt"
Messages = Mapping[str, frozenset[str]]


class ExpectedSide:
    """Holds each result against its case, or keeps what is found until all of it is written."""

    def __init__(self, *, is_updating: bool) -> None:
        self._is_updating = is_updating
        self._messages = parse_messages(MESSAGES.read_text("utf-8"))
        self._sent: dict[Replay, bytes | None] = {}
        self._results: dict[Replay, bytes] = {}
        self._texts: defaultdict[str, set[str]] = defaultdict(set)

    def holds_sent(self, replay: Replay, sent: bytes | None) -> None:
        """Compare a request, or that there is none."""
        if not replay.is_own:
            # That of the case whose call it is.
            return
        if self._is_updating:
            self._sent[replay] = sent
            return
        part = replay.case.file.parts.get("sent")
        # Frames may hold what is no text.
        assert (sent and sent.decode(errors="surrogateescape")) == (
            part and part.content.decode(errors="surrogateescape")
        )

    def holds_result(self, replay: Replay, result: Json) -> None:
        """Compare what the caller gets, and the text of ours in it."""
        found, text = reviewed(result, replay.provider_name)
        if self._is_updating:
            self._results[replay] = orjson.dumps(found)
            self._texts[replay.name_in_messages] |= {text} - {""}
            return
        assert found == replay.expected
        # Also the order of members, which a comparison of dictionaries does not see.
        assert orjson.dumps(found) == orjson.dumps(replay.expected)
        assert not text or replay.name_in_messages in self._messages.get(text, ())

    def write(self, replays: Sequence[Replay]) -> None:
        """Write what was found into the cases; `replays` are all that there are."""
        by_case: defaultdict[str, list[Replay]] = defaultdict(list)
        for replay in replays:
            by_case[replay.case.name].append(replay)
        for group in by_case.values():
            if self._results.keys().isdisjoint(group):
                continue
            case = group[0].case
            raw = self._written(case.file, group).raw
            if raw != case.file.raw:
                case.path.write_bytes(raw)
        names = {replay.name_in_messages for replay in replays}
        messages = with_texts(self._messages, self._texts, names)
        MESSAGES.write_text(written_messages(messages), "utf-8")

    def _written(self, file: CaseFile, group: Sequence[Replay]) -> CaseFile:
        for replay in self._sent.keys() & set(group):
            sent = self._sent[replay]
            file = file.without("sent") if sent is None else file.with_part("sent", sent)
        # Of places that were not replayed.
        kept = {r.place: orjson.dumps(r.expected) for r in group if r.expected}
        return with_results(
            file, kept | {r.place: self._results[r] for r in group if r in self._results}
        )


def with_results(file: CaseFile, results: Mapping[str, bytes]) -> CaseFile:
    """Return a case with the results of its places: the commonest, and others by their places."""
    places: defaultdict[bytes, list[str]] = defaultdict(list)
    for place, result in results.items():
        places[result].append(place)
    common = max(places, key=lambda result: len(places[result]))
    parts = {RESULT: common}
    parts |= {f"{RESULT} {', '.join(places[each])}": each for each in places if each != common}
    file = file.without(*(n for n in file.parts if n.startswith(RESULT) and n not in parts))
    for name, result in parts.items():
        file = file.with_part(name, result)
    return file


def parse_messages(text: str) -> Messages:
    """Read the texts: one on a line of its own, the names below it, with blanks before them."""
    found: dict[str, set[str]] = {}
    names: set[str] = set()
    for line in text.splitlines():
        if line.startswith(" "):
            names.add(line.strip())
        else:
            names = found.setdefault(line, set())
    return {message: frozenset(names) for message, names in found.items()}


def written_messages(messages: Messages) -> str:
    """Return the texts as the file has them: by their cases, so that another word moves none."""
    ordered = sorted((sorted(names), message) for message, names in messages.items())
    return "".join(
        f"{message}\n" + "".join(f"  {name}\n" for name in names) for names, message in ordered
    )


def with_texts(messages: Messages, texts: Mapping[str, set[str]], names: set[str]) -> Messages:
    """Return the texts with what was found for some names, and without names that are gone."""
    found = {message: set(kept & names - texts.keys()) for message, kept in messages.items()}
    for name, told in texts.items():
        for message in told:
            found.setdefault(message, set()).add(name)
    return {message: frozenset(kept) for message, kept in found.items() if kept}
