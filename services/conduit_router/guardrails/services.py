"""Judges that are asked: a service of the operator's, and models that moderate."""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol
from urllib.parse import urlsplit

import msgspec
import orjson
import structlog
from msgspec.structs import replace

from conduit.v1.moderation_requests_pb2 import ModerateResponse
from conduit_kernel.errors import ConduitError, InvalidRequest, ServiceUnavailable, UpstreamError
from conduit_kernel.ids import IdSource
from conduit_providers.operation import AnsweredOperation
from conduit_providers.operations import operation
from conduit_providers.sending import Send
from conduit_providers.webhook_signing import signed_headers
from conduit_providers.wire import HttpRequest
from conduit_router.calls.runtime import CallRuntime
from conduit_router.calls.unary import UnaryCalls
from conduit_router.context import CallerContext
from conduit_router.guardrails.matching import Finding
from conduit_router.guardrails.policy import Guard, Webhook

# How long a judge has, but for a webhook that says something else.
SECONDS = 10.0
MAX_ANSWER_BYTES = 256 * 1024
FLAGGED = "FLAGGED"
_OK = 200
_ENV = "env:"
_KIND = re.compile(r"[A-Z][A-Z0-9_]{0,63}")


class _Found(msgspec.Struct):
    """A finding of a webhook's; without places the whole text."""

    text: int
    start: int = 0
    end: int | None = None
    kind: str = FLAGGED


class _Judgement(msgspec.Struct):
    findings: list[_Found] = []


class _Result(msgspec.Struct):
    flagged: bool


class _Moderation(msgspec.Struct):
    results: list[_Result]


class AskedCall(Protocol):
    """A call, as far as judges need it."""

    caller: CallerContext

    def left(self) -> float:
        """Return the seconds until its deadline."""
        ...


class JudgeServices:
    """Asks those who judge texts. What they do not judge is refused, or passes, by guardrail."""

    def __init__(
        self,
        runtime: CallRuntime,
        send: Send,
        env: Mapping[str, str],
        ids: IdSource,
        wall_clock: Callable[[], float],
    ) -> None:
        """Take the environment, where the keys of webhooks are."""
        moderating = operation("moderate")
        assert isinstance(moderating, AnsweredOperation)  # noqa: S101 # as the contract says
        self._moderating = moderating
        self._calls = UnaryCalls(runtime, moderating, ModerateResponse)
        self._send = send
        self._env = env
        self._ids = ids
        self._wall_clock = wall_clock

    async def find(
        self, guard: Guard, texts: Sequence[str], call: AskedCall, stage: str
    ) -> list[list[Finding]]:
        """Return what was found in each text.

        ServiceUnavailable if nobody says, and the guardrail lets nothing pass then.
        """
        found: list[list[Finding]] = [[] for _ in texts]
        try:
            async with asyncio.timeout(min(SECONDS, max(0.0, call.left()))):
                if guard.moderation_model:
                    await self._moderate(guard.moderation_model, texts, call.caller, found)
                if guard.webhook is not None:
                    await self._ask(guard.webhook, texts, call.caller, stage, found)
        except (ConduitError, TimeoutError, ValueError, msgspec.MsgspecError) as error:
            reason = error.message if isinstance(error, ConduitError) else type(error).__name__
            log = structlog.get_logger("guardrails")
            log.warning("guardrail_unjudged", guardrail=guard.name, stage=stage, reason=reason)
            if not guard.fail_open:
                message = f"The guardrail {guard.name!r} could not be asked"
                raise ServiceUnavailable(message, service="guardrail") from error
        return found

    async def _moderate(
        self,
        model: str,
        texts: Sequence[str],
        caller: CallerContext,
        found: list[list[Finding]],
    ) -> None:
        """Have a model moderate texts, as a call of the caller's that it did not make itself."""
        own = replace(caller.caller, allowed=None, also_allowed=(), providers=None, usage=None)
        body = orjson.dumps({"model": model, "input": list(texts)})
        form = self._moderating.plain_form(body)
        asking = replace(caller, caller=own, is_judging=True)
        answer, _ = await self._calls.json_of(form, None, asking)
        results = msgspec.json.decode(answer, type=_Moderation).results
        for at, (text, result) in enumerate(zip(texts, results, strict=True)):
            if result.flagged:
                found[at].append(Finding(0, len(text), FLAGGED))

    async def _ask(
        self,
        webhook: Webhook,
        texts: Sequence[str],
        caller: CallerContext,
        stage: str,
        found: list[list[Finding]],
    ) -> None:
        asked = {
            "stage": stage,
            "requestId": caller.request_id,
            "virtualKeyId": caller.caller.virtual_key_id,
            "texts": list(texts),
        }
        url, body = urlsplit(webhook.url), orjson.dumps(asked)
        headers = signed_headers(
            self._key(webhook), f"msg_{self._ids.next()}", int(self._wall_clock()), body
        )
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        base = f"{url.scheme}://{url.netloc}"
        request = HttpRequest("POST", path, headers, body)
        answer = await self._send(base, request, webhook.seconds, is_guarded=True)
        if answer.status != _OK:
            raise UpstreamError(f"The webhook answered {answer.status}", provider="webhook")
        for each in msgspec.json.decode(answer.body, type=_Judgement).findings:
            if not 0 <= each.text < len(texts):
                raise ValueError("a finding is in no text")
            found[each.text].append(_finding(each, texts[each.text]))

    def _key(self, webhook: Webhook) -> str:
        name = webhook.signing_key.removeprefix(_ENV)
        key = self._env.get(name, "")
        if not key:
            raise InvalidRequest(f"The variable {name} of the environment is not set")
        return key


def _finding(each: _Found, text: str) -> Finding:
    """Return a finding within its text. ValueError if it is none."""
    end = len(text) if each.end is None else each.end
    if not 0 <= each.start < end <= len(text) or not _KIND.fullmatch(each.kind):
        raise ValueError("a finding is not within its text")
    return Finding(each.start, end, each.kind)
