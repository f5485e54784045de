"""Looks for bytes that lead a reader where nothing led it before, and keeps them.

`python -m tests.attacks.grow_corpus SECONDS` tries each reader for as long, beginning with what is
kept. What breaks one is kept as well, under the name `broke`: its test fails until that is mended.
"""

import hashlib
import logging
import random
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

from tests.attacks.byte_readers import READERS, Reader
from tests.attacks.mutation import CORPUS, corpus_of, mutated

# A step from one line to another one, by the file's name.
Step = tuple[str, int, int]
MOST_BYTES = 4000
MOST_BROKEN = 20


class Trace:
    """Notes which lines of a reader follow each other."""

    def __init__(self, modules: tuple[str, ...]) -> None:
        self.steps = set[Step]()
        self._modules = modules
        self._reads: dict[str, bool] = {}

    def __call__(self, frame: FrameType, _event: str, _argument: object) -> Any:  # noqa: ANN401 # of sys.settrace
        """Follow a function, if it is of the reader."""
        path = frame.f_code.co_filename
        reads = self._reads.get(path)
        if reads is None:
            reads = self._reads[path] = any(each in path for each in self._modules)
        if not reads:
            return None
        last = frame.f_lineno

        def follow(frame: FrameType, event: str, _argument: object) -> Any:  # noqa: ANN401 # as above
            nonlocal last
            if event == "line":
                self.steps.add((path, last, frame.f_lineno))
                last = frame.f_lineno
            return follow

        return follow


def steps_of(reader: Reader, body: bytes, chance: random.Random) -> set[Step]:
    """Return where bytes lead a reader. Raises what the reader does."""
    trace = Trace(reader.modules)
    sys.settrace(trace)
    try:
        reader.takes(body, chance)
    finally:
        sys.settrace(None)
    return trace.steps


def keep(name: str, body: bytes, prefix: str = "") -> Path:
    """Write bytes to the corpus of a reader."""
    digest = hashlib.sha256(body).hexdigest()[:12]
    path = CORPUS / name / f"{prefix}{digest}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    return path


def grow(name: str, seconds: float, chance: random.Random) -> tuple[int, int, int]:
    """Try a reader; return how often, how much was kept, and how much of it broke the reader."""
    reader, tries, new, broken = READERS[name], 0, 0, 0
    kept = [*reader.seeds, *corpus_of(name)]
    seen = set[Step]()
    for body in kept:
        seen |= steps_of(reader, body, chance)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        body = mutated(chance.choice(kept), reader.pieces, chance)[:MOST_BYTES]
        tries += 1
        try:
            steps = steps_of(reader, body, chance)
        except Exception as error:  # noqa: BLE001 # whatever it is, it is a fault
            broken += 1
            sys.stdout.write(f"{keep(name, body, 'broke-')}: {error!r:.300}\n")
            if broken > MOST_BROKEN:
                break
            continue
        if steps - seen:
            seen |= steps
            kept.append(body)
            keep(name, body)
            new += 1
    return tries, new, broken


def main() -> None:
    """Try each reader."""
    logging.disable()
    seconds, names = float(sys.argv[1]), sys.argv[2:] or [*READERS]
    failed = False
    for name in names:
        tries, new, broken = grow(name, seconds, random.Random())  # noqa: S311 # for nonsense
        sys.stdout.write(f"{name}: {tries} tried, {new} kept, {broken} broke it\n")
        failed = failed or broken > 0
    sys.exit(failed)


if __name__ == "__main__":
    main()
