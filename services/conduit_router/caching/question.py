"""What a request asks last, apart from all that it is asked with."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

# Longer texts are documents: two of them are alike for what they are about, whatever is asked.
MOST_CHARACTERS = 4000
# Members by which an answer may be a call of something, which another question must not cause.
_CALLING = (
    *("tools", "functions", "toolConfig", "tool_config", "mcp_servers", "web_search_options"),
)
# By `served_as`: where the turns stand, where the parts of one do, and which type a text has.
_USER = "user"


class Question(NamedTuple):
    """The last words of a user, and the request without them."""

    text: str
    # What must be the same for another question to have the same answer.
    rest: dict[str, Any]


class _Form(NamedTuple):
    """The places of turns and texts in a dialect of callers."""

    turns: str
    parts: str
    is_text: Callable[[Mapping[str, Any]], bool]


def _is_typed(*types: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda part: part.get("type") in types


_FORMS: Mapping[str, _Form] = {
    "chat": _Form("messages", "content", _is_typed("text")),
    "message": _Form("messages", "content", _is_typed("text")),
    "response": _Form("input", "content", _is_typed("input_text")),
    "content": _Form("contents", "parts", lambda part: "text" in part),
}
# Parts that answer a call.
_ANSWERS = frozenset({"tool_result", "functionResponse", "function_response"})


def question_of(served_as: str, asked: Mapping[str, Any]) -> Question | None:
    """Return the question of a request; None where none can be told from its circumstances.

    So of requests that have tools, go on from a tool's result, or end in somebody else's turn.
    """
    form = _FORMS.get(served_as)
    if form is None or any(asked.get(name) for name in _CALLING):
        return None
    turns = asked.get(form.turns)
    if isinstance(turns, str):
        return _question(turns, {**asked, form.turns: None})
    if not isinstance(turns, list) or not turns or not isinstance(turns[-1], dict):
        return None
    last = turns[-1]
    if last.get("role", _USER if served_as == "content" else None) != _USER:
        return None
    found = _texts(last.get(form.parts), form)
    if found is None:
        return None
    text, parts = found
    rest = {**asked, form.turns: [*turns[:-1], {**last, form.parts: parts}]}
    return _question(text, rest)


def _question(text: str, rest: dict[str, Any]) -> Question | None:
    is_short = len(text) <= MOST_CHARACTERS
    return Question(text, rest) if is_short and not text.isspace() and text else None


def _texts(parts: Any, form: _Form) -> tuple[str, Any] | None:  # noqa: ANN401 # any JSON
    """Return the text of a turn, and the turn's parts without it."""
    if isinstance(parts, str):
        return parts, None
    if not isinstance(parts, list):
        return None
    texts, left = list[str](), list[Any]()
    for part in parts:
        if not isinstance(part, dict) or part.get("type") in _ANSWERS or _ANSWERS & part.keys():
            return None
        text = part.get("text")
        if form.is_text(part) and isinstance(text, str):
            texts.append(text)
            left.append({**part, "text": None})
        else:
            left.append(part)
    return "\n".join(texts), left
