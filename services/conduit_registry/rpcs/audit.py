"""The AuditService: what belongs into the audit log and happened elsewhere."""

import orjson

from conduit.internal.v1 import audit_service_pb2 as pb
from conduit.internal.v1.audit_record_pb2 import AuditRecord, RefusedLogins
from conduit.internal.v1.audit_service_pb2_grpc import AuditServiceServicer
from conduit_kernel.audit.author import Author, author_of
from conduit_kernel.audit.refused_logins import RefusedLogin
from conduit_kernel.audit.refused_logins import RefusedLogins as RefusedLoginCounts
from conduit_kernel.errors import InvalidRequest
from conduit_registry.audit_values import RecordedElsewhere
from conduit_registry.rpcs.base import Context
from conduit_registry.rules import fields
from conduit_registry.store import Store

MAX_RECORDS = 1_000
MAX_LOGINS = 10_000
# Of one line of a report: sums of them fit into what the log has.
MAX_COUNT = 10**9


class AuditService(AuditServiceServicer):
    """Takes what other services of Conduit's own tell."""

    def __init__(self, store: Store, refused_logins: RefusedLoginCounts) -> None:
        """Take the store, and what counts the refused logins of all services."""
        self._store = store
        self._refused_logins = refused_logins

    async def RecordAudit(
        self, request: pb.RecordAuditRequest, context: Context
    ) -> pb.RecordAuditResponse:
        """Write what a service did into the log."""
        if len(request.records) > MAX_RECORDS:
            message = f"records must have at most {MAX_RECORDS:,} items"
            raise InvalidRequest(message, field="records")
        records = [_recorded(each) for each in request.records]
        async with self._store.change(author_of(context)) as changing:
            await changing.record(records)
        return pb.RecordAuditResponse()

    async def ReportRefusedLogins(
        self, request: pb.ReportRefusedLoginsRequest, context: Context
    ) -> pb.ReportRefusedLoginsResponse:
        """Count the logins that a service refused."""
        if len(request.logins) > MAX_LOGINS:
            message = f"logins must have at most {MAX_LOGINS:,} items"
            raise InvalidRequest(message, field="logins")
        counted = [_counted(each, self._refused_logins.minute()) for each in request.logins]
        self._refused_logins.add(counted)
        return pb.ReportRefusedLoginsResponse()


def _counted(logins: RefusedLogins, now: int) -> tuple[RefusedLogin, int]:
    """Return a line and its count; a clock that is ahead must not keep it waiting."""
    if logins.minute < 0:
        raise InvalidRequest("minute must be a time since 1970", field="logins")
    if not 0 < logins.count <= MAX_COUNT:
        raise InvalidRequest(f"count must be from 1 to {MAX_COUNT:,}", field="logins")
    return RefusedLogin(min(logins.minute, now), logins.address, logins.reason), logins.count


def _recorded(record: AuditRecord) -> RecordedElsewhere:
    try:
        changes = orjson.loads(record.changes)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest("changes is no JSON", field="changes") from error
    if not (record.id and isinstance(changes, dict)):
        raise InvalidRequest("A record has an id, and an object of changes", field="records")
    return RecordedElsewhere(
        id=record.id,
        occurred_at=fields.moment(record.occurred_at, "occurredAt"),
        author=Author(record.actor, record.peer, record.request_id),
        action=record.action,
        resource_kind=record.resource_kind,
        resource_id=record.resource_id,
        changes=changes,
    )
