"""Calls in providers' own words: of the same kinds as others to all that routes and accounts."""

from typing import Any, ClassVar, NoReturn
from urllib.parse import urlencode

from conduit_providers.calls import Answer, Form
from conduit_providers.operation import (
    NOTHING,
    Operation,
    Requirements,
    WorstCase,
    estimate_tokens,
)
from conduit_providers.passthrough.request import PassedRequest
from conduit_providers.passthrough.usage import FREE
from conduit_providers.quantities import Quantities, plain
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import JSON_HEADERS, HttpRequest

# As large as contexts become: what stands for media of which a body has the addresses alone.
# Where a model's context is known, it counts instead.
MEDIA_TOKENS = 1_048_576


def _unread(_: object) -> NoReturn:
    raise TypeError("a provider's own words are not read")


class PassedOperation(Operation[Any, Any]):
    """Asks a provider what a caller says in the provider's own words."""

    name: ClassVar[str] = "chat"
    codec_type: ClassVar[type] = object

    def __init__(self, request: PassedRequest, alias: str) -> None:
        """Take the request, and the alias by which its model is offered."""
        self.request = request
        self._alias = alias
        self.form: Form[Any] = Form(_unread, _unread, request.body)

    def form_of(self, request: Any) -> Form[Any]:  # noqa: ANN401 # of the one RPC
        """Return the one request."""
        return self.form

    def requirements(self, body: bytes, *, stream: bool) -> Requirements:
        """Return what the request requires, under the alias of its model."""
        request = self.request
        return Requirements(
            self._alias,
            self.name,
            stream,
            True,  # noqa: FBT003 # as it is one of many
            NOTHING,
            request.max_output,
            request.choices,
        )

    def to_upstream(self, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Return the request as the provider gets it, but for credentials."""
        request, sends = self.request, self.request.rule.sends
        path = target.fill(sends, model=request.model) if sends else request.path
        query = f"?{urlencode(request.query)}" if request.query else ""
        # What the caller says of the API's version and the like goes before what is usual.
        headers = {name.lower(): value for name, value in endpoint.headers.items()}
        headers |= dict(request.headers)
        return HttpRequest(
            "POST", path + query, JSON_HEADERS + tuple(headers.items()), request.body
        )

    def estimate(
        self,
        form: Form[Any],
        answer: Answer[Any] | None,
        emitted: int,
        codec: object,
        facts: object,
    ) -> Quantities:
        """Count the characters of the request, and what was handed out."""
        if self.request.rule.usage == FREE:
            return Quantities()
        return plain(estimate_tokens(len(self.request.body)), emitted)

    def worst_case(self, form: Form[Any], requirements: Requirements) -> WorstCase:
        """Count a token for each byte, and a whole context for what stands elsewhere."""
        if self.request.rule.usage == FREE:
            return WorstCase(Quantities(), is_bounded=True)
        read, written = self._worst()
        return WorstCase(plain(read, written or 0), written is not None)

    def worst_text(
        self, form: Form[Any], requirements: Requirements
    ) -> tuple[int, int | None] | None:
        """Count likewise."""
        return None if self.request.rule.usage == FREE else self._worst()

    def _worst(self) -> tuple[int, int | None]:
        request = self.request
        read = len(request.body) + (MEDIA_TOKENS if request.has_media else 0)
        most = request.max_output
        return read, None if most is None else most * request.choices


class PassedEmbed(PassedOperation):
    """Asks for vectors; nothing is written."""

    name: ClassVar[str] = "embed"

    def _worst(self) -> tuple[int, int | None]:
        return super()._worst()[0], 0


OPERATIONS: dict[str, type[PassedOperation]] = {
    each.name: each for each in (PassedOperation, PassedEmbed)
}
