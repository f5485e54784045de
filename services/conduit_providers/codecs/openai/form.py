"""OpenAI's form, kept for callers where a server of its dialect breaks it.

SDKs demand more of an answer than people do: a tool call without an index makes OpenAI's own raise,
a role that each chunk repeats becomes `assistantassistant`. What is right passes as it came; of
what is not, only what is wrong is written anew, and the members that stay keep their bytes.

Thoughts have one name, `reasoning_content`, whoever answers.
"""

import msgspec

from conduit_providers.codecs.openai.finish import REASONS, reason_of
from conduit_providers.codecs.openai.tool_calls import (
    NO_CALLS,
    NULL,
    CallNumbers,
    Members,
    index_of,
    raw,
    text_of,
    whole_calls,
)
from conduit_providers.json_reading import Index, JsonReader

Unread = msgspec.Raw | msgspec.UnsetType

_UNSET = msgspec.UNSET
_EMPTY = msgspec.Raw(b"{}")
_ASSISTANT = raw("assistant")
_REASONING = b'"reasoning"'
_REASONING_CONTENT = b'"reasoning_content"'
# The two spacings of JSON's writers.
_ROLES = (b'"role":"assistant",', b'"role": "assistant", ')
# Lists whose entries OpenAI's SDK puts together by their index.
_LISTS = ("annotations", "extra_content", "images", "reasoning_details")
_RARE = ("reasoning", *_LISTS)


class Delta(msgspec.Struct, gc=False):
    """The members of a piece that ask for a closer look."""

    role: str | None = None
    tool_calls: Unread = _UNSET
    reasoning: Unread = _UNSET
    annotations: Unread = _UNSET
    extra_content: Unread = _UNSET
    images: Unread = _UNSET
    reasoning_details: Unread = _UNSET


# Words for an answer whose arguments may be cut off.
_CUT = frozenset({"length", "content_filter"})
# As most are.
PLAIN = Delta()


class Logprobs(msgspec.Struct, gc=False):
    """An object, whatever is in it."""


class ChunkChoice(msgspec.Struct, gc=False):
    """A choice of a chunk."""

    index: Index | None = None
    delta: Delta | None = None
    logprobs: Logprobs | None = None
    finish_reason: str | None = None


class _Indexed(msgspec.Struct):
    index: int


_read = JsonReader(Members).decode
_read_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_read_indexed = msgspec.json.Decoder(list[_Indexed]).decode
_write = msgspec.json.encode


class ChunkForm:
    """Keeps the chunks of one answer in form."""

    __slots__ = ("_choices", "_may_stop", "_provider")

    def __init__(self, provider: str, *, may_stop: bool = False) -> None:
        """Take whether an answer that calls tools may end with `stop`."""
        self._provider = provider
        self._may_stop = may_stop
        self._choices: dict[int, _ChoiceForm] = {}

    def kept(self, choices: list[ChunkChoice], event: bytes) -> bytes:
        """Return a chunk, and its choices, in OpenAI's form.

        UpstreamError if it says that the answer failed, msgspec.DecodeError if it makes no sense.
        """
        choice = choices[0]
        delta, reason = choice.delta, choice.finish_reason
        if len(choices) != 1 or choice.index is None or delta is None:
            for place, each in enumerate(choices):
                each.index = place if each.index is None else each.index
            return self._rewritten(event)
        if reason is not None and (reason not in REASONS or self._ends_calls(choice)):
            return self._rewritten(event)
        form = self._choices.get(choice.index)
        if form is None and not delta.role:
            # OpenAI names it first.
            return self._rewritten(event)
        if delta == PLAIN:
            return event
        form = self._form_of(choice.index) if form is None else form
        kept = form.kept(delta, event)
        return self._rewritten(event) if kept is None else kept

    def _ends_calls(self, choice: ChunkChoice) -> bool:
        """Return whether a choice ends that has calls whose end may have to be another."""
        form, delta = self._choices.get(choice.index or 0), choice.delta
        has_calls = delta is not None and delta.tool_calls is not _UNSET
        if form is not None:
            if form.calls.are_without_arguments:
                return True
            has_calls = has_calls or bool(form.calls)
        return has_calls and (choice.finish_reason == "stop" or form is None)

    def goes_on(self, choice: ChunkChoice) -> bool:
        """Return whether a choice has no more than another piece of calls, in OpenAI's form."""
        form, delta = self._choices.get(choice.index or 0), choice.delta
        if form is None or delta is None or delta.tool_calls is _UNSET or delta.role:
            return False
        is_bare = all(getattr(delta, name) is _UNSET for name in _RARE)
        return is_bare and form.calls.go_on(delta.tool_calls)

    def _form_of(self, index: int) -> "_ChoiceForm":
        form = self._choices.get(index)
        if form is None:
            form = self._choices[index] = _ChoiceForm()
        return form

    def _rewritten(self, event: bytes) -> bytes:
        members = _read(event)
        choices = [_read(each) for each in _read_list(members["choices"])]
        for place, choice in enumerate(choices):
            self._fit(choice, place)
        return _write({**members, "choices": choices})

    def _fit(self, choice: Members, place: int) -> None:
        index = index_of(choice.get("index"))
        if index is None:
            index = place
            choice["index"] = raw(place)
        form = self._form_of(index)
        delta = choice.get("delta", NULL)
        said = form.fitted({} if delta == NULL else _read(delta))
        if word := text_of(choice.get("finish_reason")):
            has_calls = bool(form.calls) and not self._may_stop
            _set_reason(choice, word, reason_of(word, self._provider, has_calls=has_calls))
            form.end_calls(said, word)
        else:
            choice["finish_reason"] = NULL
        choice["delta"] = raw(said) if said else _EMPTY


class _ChoiceForm:
    """The form of one choice: what was said of it until now."""

    __slots__ = ("_entries", "_has_role", "calls")

    def __init__(self) -> None:
        self.calls = CallNumbers()
        self._has_role = False
        # How many entries of a list came without an index, by the list's name.
        self._entries: dict[str, int] = {}

    def kept(self, delta: Delta, event: bytes) -> bytes | None:
        """Return a chunk with this piece in form; None if it must be taken apart."""
        if delta.tool_calls is not _UNSET and not self.calls.go_on(delta.tool_calls):
            return None
        if any(not _are_indexed(getattr(delta, name)) for name in _LISTS):
            return None
        found = event if delta.reasoning is _UNSET else _renamed(event, delta.reasoning)
        if found is None or not delta.role:
            return found
        if self._has_role:
            return _without_role(found)
        self._has_role = True
        return found

    def end_calls(self, delta: Members, reason: str) -> None:
        """Give calls that came without arguments empty ones, unless the answer was cut off."""
        if self.calls.are_without_arguments and reason not in _CUT:
            pieces = _read_list(delta.get("tool_calls", NO_CALLS))
            delta["tool_calls"] = raw([*pieces, *self.calls.last_arguments()])

    def fitted(self, delta: Members) -> Members:
        """Return a piece in form."""
        has_role = bool(text_of(delta.get("role")))
        if not self._has_role and not has_role:
            delta = {"role": _ASSISTANT} | delta | {"role": _ASSISTANT}
        elif self._has_role and has_role:
            del delta["role"]
        self._has_role = True
        _rename_thoughts(delta)
        if "tool_calls" in delta:
            calls = self.calls.in_form(delta.pop("tool_calls"))
            if calls is not None:
                delta["tool_calls"] = calls
        for name in _LISTS:
            if name in delta and not _are_indexed(delta[name]):
                delta[name] = self._numbered(name, delta[name])
        return delta

    def _numbered(self, name: str, entries: msgspec.Raw) -> msgspec.Raw:
        try:
            found = [_read(each) for each in _read_list(entries)]
        except msgspec.ValidationError:
            # Texts, or no list at all.
            return entries
        count = self._entries.get(name, 0)
        self._entries[name] = count + len(found)
        return raw([{**each, "index": raw(count + i)} for i, each in enumerate(found)])


def with_messages_formed(answer: bytes, provider: str, *, may_stop: bool = False) -> bytes:
    """Return a whole answer in OpenAI's form. UpstreamError if it says that it failed.

    `may_stop`: whether an answer that calls tools may end with `stop`.
    """
    members = _read(answer)
    choices = [_read(each) for each in _read_list(members["choices"])]
    for place, choice in enumerate(choices):
        message = _read(choice["message"])
        if not text_of(message.get("role")):
            message["role"] = _ASSISTANT
        _rename_thoughts(message)
        word = text_of(choice.get("finish_reason"))
        given = message.get("tool_calls", NULL)
        calls = whole_calls(given, is_cut=word in _CUT)
        has_calls = calls not in (None, NO_CALLS)
        if calls is not None:
            message["tool_calls"] = calls
        elif given != NULL:
            del message["tool_calls"]
        if index_of(choice.get("index")) is None:
            choice["index"] = raw(place)
        reason = reason_of(word, provider, has_calls=has_calls and not may_stop)
        _set_reason(choice, word, reason)
        choice["message"] = raw(message)
    return _write({**members, "choices": choices})


def _set_reason(choice: Members, word: str, reason: str) -> None:
    """Set the reason to stop, with the provider's own beside it if that says more."""
    choice["finish_reason"] = raw(reason)
    if word and word != reason:
        choice.setdefault("native_finish_reason", raw(word))


def _are_indexed(entries: Unread) -> bool:
    """Return whether each entry of a list has its index, or there is no list."""
    if entries is _UNSET or not bytes(entries).startswith(b"["):
        # Google's `extra_content` is an object.
        return True
    try:
        _read_indexed(entries)
    except msgspec.ValidationError:
        return False
    return True


def _without_role(event: bytes) -> bytes | None:
    """Return a chunk without its only role; None if it must be taken apart for that.

    Quotes inside of texts are escaped, so that the name is only ever found as a member.
    """
    if event.count(b'"role"') == 1:
        for role in _ROLES:
            if role in event:
                return event.replace(role, b"")
    return None


def _renamed(event: bytes, thoughts: msgspec.Raw) -> bytes | None:
    """Return a chunk whose thoughts have our name; None if it must be taken apart for that."""
    if _REASONING_CONTENT in event or event.count(_REASONING) != 1 or not _are_words(thoughts):
        return None
    return event.replace(_REASONING, _REASONING_CONTENT)


def _rename_thoughts(said: Members) -> None:
    """Give thoughts their name; some servers say them under both."""
    thoughts = said.get("reasoning")
    if thoughts is None or not _are_words(thoughts):
        return
    del said["reasoning"]
    if said.get("reasoning_content", NULL) in (NULL, raw("")):
        said["reasoning_content"] = thoughts


def _are_words(thoughts: msgspec.Raw) -> bool:
    """Return whether thoughts are a text, or none; some servers have a member of that name else."""
    return bytes(thoughts).startswith((b'"', b"n"))
