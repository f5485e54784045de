"""The catalogue of errors, as the contract documents each reason."""

import grpc
from tools.conduit_codegen.contract import Contract, EnumValue, FailureOptions
from tools.documentation.markdown import code, facts, paragraphs

_REASONS = "conduit.v1.ErrorReason"
_CODES = {each.value[0]: each.name for each in grpc.StatusCode}
# No message is sent without a reason.
_UNSET = 0


def error_page(contract: Contract) -> str:
    """Return the page: each reason with its statuses, its cause and what to do."""
    reasons = contract.enums[_REASONS]
    shown = [_reason(value) for value in reasons.values if value.number != _UNSET]
    return f"# Errors\n\n{paragraphs(reasons.comment)}\n\n" + "\n".join(shown)


def _reason(value: EnumValue) -> str:
    failure = value.failure or FailureOptions()
    rows = [
        ["HTTP", code(str(failure.http_status))],
        ["gRPC", code(_CODES[failure.code])],
        ["`type` at `/v1`", code(failure.openai_type)],
        *([["What to do", failure.hint]] if failure.hint else []),
    ]
    name = value.name.removeprefix("ERROR_REASON_")
    return f"## {name}\n\n{paragraphs(value.comment)}\n\n{facts(rows)}"
