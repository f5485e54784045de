"""The tool calls of an answer in OpenAI's form, where a server of its dialect has another one."""

from collections.abc import Iterable

import msgspec

Members = dict[str, msgspec.Raw]

NULL = msgspec.Raw(b"null")
NO_CALLS = msgspec.Raw(b"[]")
_FUNCTION = msgspec.Raw(b'"function"')
_NO_TEXT = msgspec.Raw(b'""')
_NO_ARGUMENTS = msgspec.Raw(b'"{}"')
# What SDKs of some providers write for no id.
_NO_IDS = frozenset({"", "null", "None"})
_read = msgspec.json.Decoder(Members).decode
_read_text = msgspec.json.Decoder(str).decode
_read_number = msgspec.json.Decoder(int).decode
_write = msgspec.json.encode


class _PieceFunction(msgspec.Struct):
    arguments: str
    name: str | None = None


class _Piece(msgspec.Struct):
    index: int
    function: _PieceFunction
    id: str | None = None
    # Null, it would take the type away from what accumulators have.
    type: str | msgspec.UnsetType = msgspec.UNSET


class _WholeFunction(msgspec.Struct):
    name: str
    arguments: str


class _WholeCall(msgspec.Struct):
    id: str
    type: str
    function: _WholeFunction
    index: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_read_pieces = msgspec.json.Decoder(list[_Piece]).decode
_read_calls = msgspec.json.Decoder(list[_WholeCall]).decode
_read_members = msgspec.json.Decoder(list[Members]).decode


class CallNumbers:
    """Numbers the calls of one streamed choice as OpenAI does: from 0 on, each its own number."""

    __slots__ = ("_by_id", "_by_index", "_calls", "_empty")

    def __init__(self) -> None:
        # The id and the name of each call, by our number.
        self._calls: list[tuple[str, str]] = []
        self._by_id: dict[str, int] = {}
        # By the provider's number, the call that it is of now.
        self._by_index: dict[int, int] = {}
        # The calls of functions that have no arguments yet, not even an empty object.
        self._empty: set[int] = set()

    @property
    def are_without_arguments(self) -> bool:
        """Return whether there are such calls."""
        return bool(self._empty)

    def last_arguments(self) -> list[msgspec.Raw]:
        """Return the pieces that give them empty ones, as OpenAI's models write them."""
        pieces = [{"index": n, "function": {"arguments": "{}"}} for n in sorted(self._empty)]
        self._empty.clear()
        return [msgspec.Raw(_write(piece)) for piece in pieces]

    def __len__(self) -> int:
        """Count the calls."""
        return len(self._calls)

    def go_on(self, pieces: msgspec.Raw) -> bool:
        """Return whether these are more arguments of known calls, in OpenAI's form."""
        try:
            found = _read_pieces(pieces)
        except msgspec.ValidationError:
            return False
        return all(self._goes_on(piece) for piece in found)

    def _goes_on(self, piece: _Piece) -> bool:
        index = piece.index
        if self._by_index.get(index) != index or piece.id or piece.function.name:
            return False
        if self._empty and piece.function.arguments:
            self._empty.discard(index)
        return True

    def in_form(self, pieces: msgspec.Raw) -> msgspec.Raw | None:
        """Return pieces of calls in OpenAI's form; None if they are no list of objects."""
        try:
            found = _read_members(pieces)
        except msgspec.ValidationError:
            return None
        for piece in found:
            self._fit(piece)
        return raw(found)

    def _fit(self, piece: Members) -> None:
        function = _function_of(piece)
        name = text_of(function.get("name"))
        call_id = text_of(piece.get("id"))
        call_id = "" if call_id in _NO_IDS else call_id
        number = self._number(index_of(piece.get("index")), call_id, name)
        if number == len(self._calls):
            self._calls.append((call_id, name))
            self._by_id.setdefault(call_id, number)
            _begin(piece, function, call_id or f"call_{number}")
            if function.get("arguments") == _NO_TEXT:
                self._empty.add(number)
        else:
            self._go_on(piece, function, self._calls[number][1])
            if function.get("arguments", _NO_TEXT) != _NO_TEXT:
                self._empty.discard(number)
        piece["index"] = raw(number)

    def _number(self, index: int | None, call_id: str, name: str) -> int:
        """Return which call a piece is of: a new one, or the one of its index or id, or the last.

        A new id begins a call only with a name: some servers make one up for each piece.
        """
        last, count = len(self._calls) - 1, len(self._calls)
        known = self._by_id.get(call_id) if call_id else None
        if index is None:
            if known is not None:
                return known
            return count if call_id or name or not count else last
        number = self._by_index.get(index)
        if known is not None:
            number = known
        elif number is None or (call_id and name and self._calls[number][0] != call_id):
            number = count
        self._by_index[index] = number
        return number

    @staticmethod
    def _go_on(piece: Members, function: Members, known_name: str) -> None:
        """Leave out what was said when the call began: accumulators would add it to that."""
        for each in ("id", "type"):
            piece.pop(each, None)
        if text_of(function.get("name")) in {"", known_name}:
            function.pop("name", None)
        if "arguments" in function:
            function["arguments"] = as_text(function["arguments"])
        if function or "custom" not in piece:
            # OpenAI's accumulator asserts that it is there.
            piece["function"] = raw(function)


def are_whole(calls: msgspec.Raw) -> bool:
    """Return whether the calls of a whole message are in OpenAI's form."""
    try:
        # Handed back with an index, a call is refused by strict providers; nobody reads no text.
        return all(
            call.id and call.index is msgspec.UNSET and call.function.arguments
            for call in _read_calls(calls)
        )
    except msgspec.ValidationError:
        return False


def whole_calls(calls: msgspec.Raw, *, is_cut: bool = False) -> msgspec.Raw | None:
    """Return the calls of a whole message in OpenAI's form; None if they are no objects.

    A call without arguments has empty ones, unless the answer was cut off.
    """
    try:
        found = _read_members(calls)
    except msgspec.ValidationError:
        return None
    for number, call in enumerate(found):
        call_id = text_of(call.get("id"))
        call.pop("index", None)
        function = _function_of(call)
        _begin(call, function, f"call_{number}" if call_id in _NO_IDS else call_id)
        if function.get("arguments") == _NO_TEXT and not is_cut:
            call["function"] = raw({**function, "arguments": _NO_ARGUMENTS})
    return raw(found)


def _begin(call: Members, function: Members, call_id: str) -> None:
    """Give a call what SDKs rely on: an id, a type, arguments that are a text."""
    call["id"] = raw(call_id)
    if not text_of(call.get("type")):
        call["type"] = _FUNCTION
    if function or call["type"] == _FUNCTION:
        function["arguments"] = as_text(function.get("arguments", NULL))
        call["function"] = raw(function)


def _function_of(call: Members) -> Members:
    try:
        return _read(call.get("function", NULL))
    except msgspec.ValidationError:
        return {}


def as_text(value: msgspec.Raw) -> msgspec.Raw:
    """Return arguments as the text that they should have been."""
    written = bytes(value)
    if written.startswith(b'"'):
        return value
    if written == b"null":
        return _NO_TEXT
    return raw(msgspec.json.format(written, indent=-1).decode())


def text_of(value: msgspec.Raw | None) -> str:
    """Return a member's text, empty if it has none."""
    try:
        return "" if value is None else _read_text(value)
    except msgspec.DecodeError:
        return ""


def index_of(value: msgspec.Raw | None) -> int | None:
    """Return a member's number from 0 on, None if it has none."""
    try:
        number = None if value is None else _read_number(value)
    except msgspec.DecodeError:
        return None
    return number if number is not None and number >= 0 else None


def raw(value: str | int | Members | Iterable[Members | msgspec.Raw]) -> msgspec.Raw:
    """Return a value as a member."""
    return msgspec.Raw(_write(value))
