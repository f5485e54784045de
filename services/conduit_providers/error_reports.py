"""What a provider says of a failure, found in an error of whatever form."""

from typing import Any, NamedTuple

import msgspec

from conduit_providers.error_codes import MESSAGE_NAMES, STATUS_NAMES, bare_code
from conduit_providers.json_reading import parsed, shown
from conduit_providers.quantities import count_in
from conduit_providers.rate_limits import duration_ms

# Enough for a sentence or two; a whole HTML page helps nobody.
MAX_MESSAGE_CHARS = 500


class ProviderErrorReport(NamedTuple):
    """A provider's report of a failure. `code` is its code or, lacking one, its type."""

    message: str = ""
    code: str = ""
    # All the names it used for the failure, most telling first.
    codes: tuple[str, ...] = ()
    request_id: str = ""
    # How long to wait, where the error itself says so.
    retry_after_ms: int | None = None
    # Whether it names a quota: one that fills again, whatever the words say of plans and billing.
    is_quota: bool = False
    # Whether it is about a parameter of the request.
    has_parameter: bool = False


def read_error(body: bytes) -> ProviderErrorReport:
    """Find the message and the code in an error body of whatever form."""
    try:
        document = parsed(body)
    except msgspec.DecodeError:
        return ProviderErrorReport(message=_plain(body))
    if isinstance(document, list) and document:
        # Google wraps its errors in a list when streaming.
        document = document[0]
    if not isinstance(document, dict):
        return ProviderErrorReport(message=_text(document))
    report = report_of(document.get("error") or document.get("errors") or document)
    request_id = document.get("request_id") or document.get("requestId")
    return report._replace(request_id=_text(request_id)) if request_id else report


def report_of(error: object) -> ProviderErrorReport:
    """Find the message and the code in the value of an answer's `error`."""
    match error:
        case {"errors": [first, *_]} if not isinstance(error, dict) or "message" not in error:
            return report_of(first)
        case [first, *_]:
            return report_of(first)
        case dict():
            return _report_of_object(error)
        case _:
            return ProviderErrorReport(message=_text(error))


def _report_of_object(error: dict[str, Any]) -> ProviderErrorReport:
    message = next((error[k] for k in MESSAGE_NAMES if error.get(k)), "")
    names = [error.get("code"), error.get("status"), error.get("error_type"), error.get("type")]
    names += [bare_code(error.get("__type")), error.get("err_code"), error.get("category")]
    inner = error.get("innererror")
    if isinstance(inner, dict):
        names.insert(0, inner.get("code"))
    detail = error.get("detail")
    if isinstance(detail, dict):
        # ElevenLabs' has a status beside its message.
        names.insert(0, detail.get("status"))
    metadata = error.get("metadata")
    if isinstance(metadata, dict):
        # OpenRouter passes the words of the provider behind it.
        message = f"{_text(message)}: {_text(metadata['raw'])}" if metadata.get("raw") else message
        names.append(metadata.get("error_type"))
    codes = tuple(n for n in names if isinstance(n, str) and n and not n.isdigit())
    report = ProviderErrorReport(
        message=_text(message),
        code=codes[0] if codes else "",
        codes=codes,
        has_parameter=bool(error.get("param")),
    )
    details = error.get("details")
    return _with_details(report, details) if isinstance(details, list) else report


def _with_details(report: ProviderErrorReport, details: list[Any]) -> ProviderErrorReport:
    """Add what Google's typed details say.

    https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto
    """
    for detail in details:
        kind = str(detail.get("@type", "")) if isinstance(detail, dict) else ""
        match kind.rpartition(".")[2]:
            case "RetryInfo":
                wait = duration_ms(str(detail.get("retryDelay", "")))
                report = report._replace(retry_after_ms=wait, is_quota=True)
            case "QuotaFailure":
                report = report._replace(is_quota=True)
            case "ErrorInfo" if isinstance(reason := detail.get("reason"), str):
                report = report._replace(codes=(*report.codes, reason))
            case "RequestInfo":
                report = report._replace(request_id=_text(detail.get("requestId")))
    return report


def status_in(error: object) -> int:
    """Return the HTTP status of a failure that an error names, 0 if it names none."""
    members: dict[str, object] = error if isinstance(error, dict) else {}
    for name in STATUS_NAMES:
        code = members.get(name)
        if isinstance(code, str):
            code = count_in(code)
        if isinstance(code, int) and 400 <= code <= 599:  # noqa: PLR2004 # HTTP
            return code
    return 0


def _text(value: object) -> str:
    if isinstance(value, dict):
        value = next((value[k] for k in MESSAGE_NAMES if value.get(k)), value)
    if isinstance(value, list) and (found := [_violation(each) for each in value]) and all(found):
        value = "; ".join(found)
    if isinstance(value, str):
        text = value
    elif value is None:
        return ""
    else:
        text = shown(value)
    return " ".join(text[: 4 * MAX_MESSAGE_CHARS].split())


def _violation(found: object) -> str:
    """Return what FastAPI, and so many a provider, says of a member that it does not take."""
    match found:
        case {"loc": list() as place, "msg": str() as why}:
            return f"{'.'.join(str(step) for step in place)}: {why}"
        case {"msg": str() as why}:
            return why
        case _:
            return ""


def _plain(body: bytes) -> str:
    text = body[: 4 * MAX_MESSAGE_CHARS].decode(errors="replace").strip()
    # A proxy's page says nothing that its status does not.
    return "" if text.startswith("<") else " ".join(text.split())
