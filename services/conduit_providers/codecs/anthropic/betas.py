"""The betas of Anthropic's that a request uses.

https://platform.claude.com/docs/en/api/beta-headers: the API does not know the members of a beta
that the request does not name. Callers name them in the header `anthropic-beta` or in the body,
operators in a setting, and those that the request's own members need follow from these.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from conduit_kernel.errors import InvalidRequest
from conduit_providers.operations.chat import ChatCall

Json = dict[str, Any]

HEADER = "anthropic-beta"
# The setting of an instance, and the members of a body, that name betas.
SETTING = "betas"
MEMBERS = ("betas", "anthropic_beta")
# What stands in the body as it is, and the beta that it needs. By `types.beta` of the SDK: what is
# among `types`, too, needs none.
_OF_MEMBERS: Mapping[str, str] = {
    "compaction": "compact-2026-09-04",
    "fallback_credit_token": "fallback-credit-2026-07-01",
    "fallbacks": "server-side-fallback-2026-07-01",
    "mcp_servers": "mcp-client-2025-11-20",
    "thread": "message-threads-2026-08-12",
}
_OF_TOOLS: Mapping[str, str] = {
    "advisor_20260301": "advisor-tool-2026-03-01",
    "bash_20241022": "computer-use-2024-10-22",
    "computer_20241022": "computer-use-2024-10-22",
    "computer_20250124": "computer-use-2025-01-24",
    "computer_20251124": "computer-use-2025-11-24",
    "text_editor_20241022": "computer-use-2024-10-22",
}
_COMPACTION = "compact_20260112"
_OF_COMPACTION = "compact-2026-01-12"
_OF_CONTEXT = "context-management-2025-06-27"
_OF_SPEED = "fast-mode-2026-02-01"
_OF_TASK_BUDGET = "task-budgets-2026-03-13"
# Names go into a header.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def taken_betas(members: Json) -> list[str]:
    """Take the betas that a body names out of its members. InvalidRequest if they are no names."""
    found: list[str] = []
    for member in MEMBERS:
        named = members.pop(member, None) or []
        if isinstance(named, str):
            named = _listed(named)
        if not isinstance(named, list) or not all(isinstance(each, str) for each in named):
            raise InvalidRequest(f"{member} must be a list of names", field=member)
        found += named
    return found


def betas_of(
    call: ChatCall, settings: Mapping[str, str], named: Iterable[str], body: Json
) -> list[str]:
    """Return the betas of a request, each once. InvalidRequest if one cannot be a name.

    `named` are those that the body named, `body` is what is sent, in the API's own words.
    """
    given = betas_named([*call.betas, *named], settings)
    return list(dict.fromkeys([*given, *_needed(body)]))


def betas_named(given: Iterable[str], settings: Mapping[str, str]) -> list[str]:
    """Return the betas that an operator and a caller name. InvalidRequest if one cannot be a name.

    Each stands once.
    """
    found = [*_listed(settings.get(SETTING, "")), *given]
    for each in found:
        if not _NAME.fullmatch(each):
            raise InvalidRequest(f"{each[:100]!r} is no name of a beta", field=HEADER)
    return list(dict.fromkeys(found))


def _listed(text: str) -> list[str]:
    return [name for each in text.split(",") if (name := each.strip())]


def _needed(body: Json) -> Iterator[str]:
    for member, beta in _OF_MEMBERS.items():
        if body.get(member):
            yield beta
    for tool in _objects(body.get("tools")):
        if beta := _OF_TOOLS.get(str(tool.get("type")), ""):
            yield beta
    if body.get("speed") == "fast":
        # Some models know it without.
        yield _OF_SPEED
    config, context = body.get("output_config"), body.get("context_management")
    if isinstance(config, dict) and config.get("task_budget"):
        yield _OF_TASK_BUDGET
    if isinstance(context, dict) and context:
        kinds = {str(each.get("type")) for each in _objects(context.get("edits"))}
        if _COMPACTION in kinds:
            yield _OF_COMPACTION
        if kinds != {_COMPACTION}:
            yield _OF_CONTEXT


def _objects(listed: object) -> list[Json]:
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
