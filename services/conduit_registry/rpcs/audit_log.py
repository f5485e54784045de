"""RPCs about the audit log."""

from conduit.v1 import registry_requests_pb2 as pb
from conduit.v1.audit_entry_pb2 import AuditAction
from conduit_kernel import limits
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.pagination import page_of
from conduit_registry import messages
from conduit_registry.audit_values import AuditFilter
from conduit_registry.rpcs.base import Context, RpcBase
from conduit_registry.rules import fields


class AuditLogRpcs(RpcBase):
    """The audit log, for those who read it."""

    async def ListAuditEntries(
        self, request: pb.ListAuditEntriesRequest, context: Context
    ) -> pb.ListAuditEntriesResponse:
        """Return a page of the audit log, newest first."""
        wanted = _filter(request)
        page = page_of(request, "audit", *wanted)
        async with self.parts.store.read() as reading:
            found = await reading.audit_page(page, wanted)
        entries, token = page.cut(found, lambda each: each.revision)
        return pb.ListAuditEntriesResponse(
            entries=map(messages.audit_entry, entries), next_page_token=token
        )

    async def VerifyAuditLog(
        self, request: pb.VerifyAuditLogRequest, context: Context
    ) -> pb.VerifyAuditLogResponse:
        """Look at the whole audit log."""
        async with self.parts.store.read() as reading:
            found = await reading.verify_audit(self.parts.keys.vault)
        return pb.VerifyAuditLogResponse(
            is_whole=not found.problem,
            entries=found.entries,
            last_revision=found.last_revision,
            head_hash=found.head_hash,
            problem=found.problem or None,
            revision=found.revision or None,
        )


def _filter(request: pb.ListAuditEntriesRequest) -> AuditFilter:
    if request.action not in AuditAction.values():
        raise InvalidRequest("action is unknown", field="action")
    return AuditFilter(
        limits.text_of(request, "resource_kind"),
        limits.text_of(request, "resource_id"),
        limits.text_of(request, "actor"),
        request.action,
        fields.moment(request.since, "since") if request.HasField("since") else None,
        fields.moment(request.until, "until") if request.HasField("until") else None,
    )
