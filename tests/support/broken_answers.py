"""Answers of providers in which something is wrong, made out of recorded ones."""

import random

import orjson
from tests.support.eventstream import framed
from tests.support.nonsense import nonsense
from tests.support.replays import Replay
from tests.support.wire_cases import FRAMES

from conduit_providers.wire import HttpResponse


def chance_of(replay: Replay, turn: int, side: str) -> random.Random:
    """Return what decides what is wrong."""
    return random.Random(f"{side} {turn} {replay.name}")  # noqa: S311 # no secret


def broken(replay: Replay, chance: random.Random) -> HttpResponse:
    """Return an answer in which something is wrong: in its JSON, or in that of its events."""
    received = replay.case.received
    lines = received.body.split(b"\n")
    try:
        body = nonsense(orjson.loads(received.body), chance)
    except orjson.JSONDecodeError:
        body = b"\n".join(broken_line(line, chance) for line in lines)
    if received.media_type == FRAMES:
        body = framed(body)
    return HttpResponse(received.status, received.headers, body)


def broken_line(line: bytes, chance: random.Random) -> bytes:
    """Return a line in which, now and then, something is wrong."""
    before, brace, after = line.partition(b"{")
    if not brace or chance.random() < 0.7:
        return line
    try:
        return before + nonsense(orjson.loads(brace + after), chance)
    except (orjson.JSONDecodeError, TypeError):
        # Some are nonsense already.
        return line
