"""Endpoints that share a path; a member of the body selects one."""

import re

import msgspec

from conduit.v1 import json_runtime
from conduit_bridge.endpoints.unary import Endpoint, Outcome, RequestContext
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.http import Exchange, Request

_HIDING_ESCAPE = re.compile(rb"\\u00[2-7]")


class BodySelector:
    """Reads one boolean member of a JSON object, and nothing else of it."""

    def __init__(self, member: str) -> None:
        self._member = member
        self._quoted = f'"{member}"'.encode()
        # The name with a value that says no.
        self._denied = re.compile(rf'"{member}"\s*:\s*(?:false|null)'.encode()).match
        fields = [(member, bool | None, None)]
        self._decode = msgspec.json.Decoder(msgspec.defstruct("Choice", fields)).decode

    def is_chosen(self, body: bytes) -> bool:
        """Return whether the member is true. InvalidRequest if it is no boolean.

        MalformedJson or JsonError, of the runtime, if the body is not JSON or too deep.
        """
        # An escape of a printable character could hide the name; most bodies have no escape at all.
        is_hidden = body.find(b"\\") >= 0 and _HIDING_ESCAPE.search(body) is not None
        # Looking is faster than reading: most have no such member, or it says no.
        at = body.find(self._quoted)
        if not is_hidden and (at < 0 or self._denies(body, at)):
            return False
        try:
            return bool(getattr(self._decode(body), self._member))
        except msgspec.ValidationError as error:
            if f"$.{self._member}" not in str(error):
                # Not an object at all; who reads the body will say so better.
                return False
            message = f"{self._member} must be true or false"
            raise InvalidRequest(message, field=self._member) from error
        except (msgspec.DecodeError, RecursionError):
            # It knows best where the text goes wrong.
            json_runtime.parse(body)
            return False

    def _denies(self, body: bytes, at: int) -> bool:
        """Return whether the member stands at a place, there alone, and says no."""
        is_only = body.find(self._quoted, at + len(self._quoted)) < 0
        return is_only and self._denied(body, at) is not None


class BodySelectedEndpoint(Endpoint):
    """Endpoints at one path, of which the body chooses one."""

    def __init__(self, usual: Endpoint, chosen: dict[str, Endpoint]) -> None:
        """Take the endpoint that is meant when no member is true, and the others by member."""
        self.counts = usual.counts
        self.dialect = usual.dialect
        self.max_body_bytes = max(e.max_body_bytes for e in (usual, *chosen.values()))
        self._usual = usual
        self._chosen = [(BodySelector(member), endpoint) for member, endpoint in chosen.items()]

    def judge_head(self, request: Request) -> None:
        """Judge it as the usual one: what shares a path shares its access."""
        self._usual.judge_head(request)

    def choose(self, exchange: Exchange) -> Endpoint:
        """Return the first endpoint whose member is true."""
        body = exchange.body
        for chooser, endpoint in self._chosen:
            if chooser.is_chosen(body):
                return endpoint
        return self._usual

    async def serve(self, context: RequestContext) -> Outcome:
        """Serve what the body means."""
        return await self.choose(context.exchange).serve(context)
