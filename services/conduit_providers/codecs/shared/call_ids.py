"""The ids of tool calls, as providers take them that have rules for ids.

Conversations move between providers, and each makes ids of its own kind.
"""

import re
from collections import deque

_NOT_IN_IDS = re.compile(r"[^a-zA-Z0-9_-]")
MAX_CHARS = 64


def tool_name(name: str, longest: int) -> str:
    """Return the name of a tool as providers take it: letters, digits, `_` and `-`.

    Models make up names, and conversations that have one in them are refused from then on.
    """
    return _NOT_IN_IDS.sub("_", name)[:longest] or "tool"


class CallIds:
    """Fits the ids of one conversation: letters, digits, `_` and `-`, each call's its own.

    A result has the id of its call. Ask in the order of the messages: then a conversation that goes
    on keeps the ids that it had, as caches of prompts require.
    """

    def __init__(self) -> None:
        self._used: set[str] = set()
        # By fitted id, the number that the next one alike gets.
        self._numbers: dict[str, int] = {}
        # By the caller's id: the calls without a result, and the last one with it.
        self._open: dict[str, deque[str]] = {}
        self._last: dict[str, str] = {}

    def of_call(self, call_id: str) -> str:
        """Return the id of a call."""
        fitted = self._unused(_NOT_IN_IDS.sub("_", call_id)[:MAX_CHARS] or "call")
        self._used.add(fitted)
        self._open.setdefault(call_id, deque()).append(fitted)
        return fitted

    def of_result(self, call_id: str) -> str:
        """Return the id of the call that a result belongs to: the first one that has none yet."""
        waiting = self._open.get(call_id)
        if waiting:
            self._last[call_id] = waiting.popleft()
        elif call_id not in self._last:
            # Of no call: the provider judges it.
            return _NOT_IN_IDS.sub("_", call_id)[:MAX_CHARS]
        return self._last[call_id]

    def _unused(self, fitted: str) -> str:
        number = self._numbers.get(fitted, 1)
        unused = fitted
        while unused in self._used:
            number += 1
            ending = f"_{number}"
            unused = fitted[: MAX_CHARS - len(ending)] + ending
        self._numbers[fitted] = number
        return unused


def answered_id(given: str | None, number: int) -> str:
    """Return the id of a call that a model made; one of ours if it has none, as results name it."""
    return given or f"call_{number}"
