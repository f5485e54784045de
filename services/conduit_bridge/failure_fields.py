"""The `x-conduit-*` header fields of errors: as of a report, as far as it is known."""

from conduit.v1 import options_pb2
from conduit.v1.call_pb2 import CallReport
from conduit.v1.http_runtime import safe
from conduit_kernel.errors import ConduitError
from conduit_kernel.http import Field

# The header fields of a report, by the names that errors have for what they tell.
FIELDS = {
    field.name: field.GetOptions().Extensions[options_pb2.as_json].header
    for field in CallReport.DESCRIPTOR.fields
    if field.name != "request_id"
}


def failure_fields(error: ConduitError, request_id: str) -> list[Field]:
    """Return the fields of an error; the id of the request belongs to each."""
    metadata = error.metadata
    own = metadata.get("request_id", request_id)
    told = [("x-conduit-request-id", own)]
    if "attempts" in metadata:
        # Of a call; what other errors name is no report.
        told += [(field, metadata[name]) for name, field in FIELDS.items() if name in metadata]
    return [(field.encode(), safe(value).encode()) for field, value in told]
