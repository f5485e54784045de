"""What callers ask for on a connection for OpenAI's Responses, and what it remembers of that."""

from collections import OrderedDict
from typing import Any, NamedTuple

import orjson

from conduit.v1.json_limits import TOO_DEEP, is_too_deep
from conduit_kernel.errors import InvalidRequest, MalformedJson

Json = dict[str, Any]

CREATE = "response.create"
# How many answers can be gone on from, and how many bytes of conversations are held for that.
MOST_HELD = 4
MOST_BYTES = 32 << 20
# Of the name of a lane, which each event of its answers repeats.
MAX_LANE = 128
# Members of the event that are none of the request.
_OF_EVENT = ("type", "generate", "stream_id", "stream", "previous_response_id")


class ResponseTurn:
    """A request for one answer."""

    def __init__(self, members: Json) -> None:
        """Take the members of the event."""
        self.members = {name: each for name, each in members.items() if name not in _OF_EVENT}
        self.generates = members.get("generate") is not False
        self.stream_id = _lane_in(members.get("stream_id"))
        self.previous = members.get("previous_response_id")
        # The conversation, once it is known; of this event alone until then.
        self.items = _items_in(members.get("input"))


class _Held(NamedTuple):
    """A conversation with its last answer."""

    items: list[Any]
    size: int


class HeldConversations:
    """The conversations of a connection's last answers."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._most_bytes = most_bytes

    def body_of(self, turn: ResponseTurn) -> bytes:
        """Return the request of a turn, with the conversation that it goes on from.

        An answer that is not held here is for its provider to know.
        """
        members = {**turn.members, "stream": True}
        if turn.previous is not None:
            held = self._held.get(turn.previous) if isinstance(turn.previous, str) else None
            if held is None:
                members["previous_response_id"] = turn.previous
            else:
                turn.items = [*held.items, *turn.items]
                members["input"] = turn.items
                turn.members["input"] = turn.items
        return orjson.dumps(members)

    def hold(self, response_id: object, items: list[Any], output: list[Any]) -> None:
        """Hold a conversation with its answer, as far as there is room."""
        if not isinstance(response_id, str):
            return
        conversation = [*items, *output]
        self._held[response_id] = _Held(conversation, len(orjson.dumps(conversation)))
        self._held.move_to_end(response_id)
        while len(self._held) > MOST_HELD or self._size() > self._most_bytes:
            self._held.popitem(last=False)

    def _size(self) -> int:
        return sum(held.size for held in self._held.values())


def turn_in(frame: bytes) -> ResponseTurn:
    """Return what an event asks for. MalformedJson or InvalidRequest if it asks for nothing."""
    if is_too_deep(frame):
        raise InvalidRequest(f"The event {TOO_DEEP}", field="")
    try:
        found = orjson.loads(frame)
    except orjson.JSONDecodeError:
        # Not chained: the original holds the whole text.
        raise MalformedJson("The event is not JSON") from None
    if not isinstance(found, dict) or found.get("type") != CREATE:
        raise InvalidRequest(f"An event must be an object of type {CREATE}", field="type")
    return ResponseTurn(found)


def _lane_in(given: object) -> str | None:
    if given is None or (isinstance(given, str) and 0 < len(given) <= MAX_LANE):
        return given
    message = f"stream_id must be a string of at most {MAX_LANE} characters"
    raise InvalidRequest(message, field="stream_id")


def _items_in(given: object) -> list[Any]:
    if isinstance(given, list):
        return given
    return [{"role": "user", "content": given}] if given else []
