"""What of a provider's answer is passed on beside its bytes."""

from collections.abc import Iterator, Mapping

from msgspec.structs import asdict

from conduit.v1.call_pb2 import CallReport
from conduit.v1.passthrough_requests_pb2 import PassedField, PassThroughEnd, PassThroughResponse
from conduit_kernel.errors import ConduitError, InsufficientFunds, InvalidApiKey, UpstreamError
from conduit_providers.redaction import Redactor
from conduit_providers.spec import ProviderSpec
from conduit_providers.wire import HttpResponse

# What tells how to read an answer, and whether to ask again. Neither cookies nor what is said of
# the account pass, nor what belongs to the connection.
_HEADERS = frozenset({"content-type", "retry-after", "retry-after-ms", "x-should-retry"})
# Of what is about our own key, callers can make nothing.
_OURS = (InvalidApiKey, InsufficientFunds)
# Conduit has its own: the request's id, and the limits of the virtual key.
_OWN = ("x-request-id", "x-ratelimit-")


def headers_of(
    answer: Mapping[str, str], spec: ProviderSpec, redactor: Redactor
) -> Iterator[PassedField]:
    """Yield the headers of an answer that pass."""
    limits = {name for each in asdict(spec.rate_limits).values() for name in each.split()}
    for name in sorted(_HEADERS | limits | {spec.request_id_header}):
        value = "" if name.startswith(_OWN) else answer.get(name, "")
        if value and value.isascii() and value.isprintable():
            yield PassedField(name=name, value=redactor.text(value))


class Refusals:
    """Keeps the last answer in which a provider refused the request of a call."""

    def __init__(self, spec: ProviderSpec) -> None:
        self._spec = spec
        self._last: HttpResponse | None = None

    def note(self, answer: HttpResponse) -> None:
        """Keep an answer."""
        self._last = answer

    def forget(self) -> None:
        """Forget it, as another request is sent."""
        self._last = None

    def passed(self, error: ConduitError, redactor: Redactor) -> PassThroughResponse | None:
        """Return the refusal that an error was read from, as it passes; None if it does not."""
        answer = self._last
        if answer is None or not isinstance(error, UpstreamError) or isinstance(error, _OURS):
            return None
        text = redactor.text(answer.body.decode("utf-8", "replace"))
        report = _report(error)
        return PassThroughResponse(
            status=answer.status,
            headers=headers_of(answer.headers, self._spec, redactor),
            data=text.encode(),
            started=report,
            finished=PassThroughEnd(report=report),
        )


def _report(error: ConduitError) -> CallReport:
    """Return what is known of a failed call."""
    said, report = error.metadata, CallReport()
    report.request_id = said.get("request_id", "")
    report.provider_id = int(said.get("provider_id", 0))
    report.provider_name = said.get("provider_name", "")
    report.key_id = said.get("key_id", "")
    report.actual_model_name = said.get("actual_model_name", "")
    report.attempts = int(said.get("attempts", 0))
    report.fallbacks = int(said.get("fallbacks", 0))
    report.upstream_request_id = said.get("upstream_request_id", "")
    report.trace = said.get("trace", "")
    return report
