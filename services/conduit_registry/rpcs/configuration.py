"""RPCs about the configuration as a whole: catalog, audit log, document."""

import asyncio

from conduit.v1 import registry_requests_pb2 as pb
from conduit_kernel import limits
from conduit_kernel.errors import DeadlineExceeded
from conduit_kernel.pagination import page_of
from conduit_registry import messages
from conduit_registry.configuration import document
from conduit_registry.configuration.importing import Import
from conduit_registry.configuration.plan import plan_of
from conduit_registry.rpcs.base import Context, RpcBase, origin_of
from conduit_registry.rules import fields
from conduit_registry.store import FALLBACK_CHAIN, KEY, MAPPING, PROVIDER, VIRTUAL_KEY

CHECK_SECONDS = 30.0


class ConfigurationRpcs(RpcBase):
    """The configuration as a whole."""

    async def ListProviderTypes(
        self, request: pb.ListProviderTypesRequest, context: Context
    ) -> pb.ListProviderTypesResponse:
        """Return a page of the catalog."""
        catalog = self.parts.catalog
        page = page_of(request, "provider_types")
        specs, token = page.slice(tuple(catalog.specs))
        return pb.ListProviderTypesResponse(
            provider_types=map(catalog.to_proto, specs), next_page_token=token
        )

    async def ListAuditEntries(
        self, request: pb.ListAuditEntriesRequest, context: Context
    ) -> pb.ListAuditEntriesResponse:
        """Return a page of the audit log, newest first."""
        kind = limits.text_of(request, "resource_kind")
        resource_id = limits.text_of(request, "resource_id")
        since = fields.moment(request.since, "since") if request.HasField("since") else None
        scope = ("audit", kind, resource_id, since)
        page = page_of(request, *scope)
        async with self.parts.store.read() as reading:
            found = await reading.audit_page(page, kind=kind, resource_id=resource_id, since=since)
        entries, token = page.cut(found, lambda each: each.revision)
        return pb.ListAuditEntriesResponse(
            entries=map(messages.audit_entry, entries), next_page_token=token
        )

    async def VerifyAuditLog(
        self, request: pb.VerifyAuditLogRequest, context: Context
    ) -> pb.VerifyAuditLogResponse:
        """Look at the whole audit log."""
        async with self.parts.store.read() as reading:
            found = await reading.verify_audit(self.parts.vault)
        return pb.VerifyAuditLogResponse(
            is_whole=not found.problem,
            entries=found.entries,
            last_revision=found.last_revision,
            head_hash=found.head_hash,
            problem=found.problem or None,
            revision=found.revision or None,
        )

    async def ExportConfig(
        self, request: pb.ExportConfigRequest, context: Context
    ) -> pb.ExportConfigResponse:
        """Return the whole configuration as a document."""
        async with self.parts.store.read() as reading:
            everything = (
                await reading.every(PROVIDER),
                await reading.every(KEY),
                await reading.every(MAPPING),
                await reading.every(FALLBACK_CHAIN),
                await reading.every(VIRTUAL_KEY),
            )
        return pb.ExportConfigResponse(yaml=await asyncio.to_thread(document.write, *everything))

    async def ImportConfig(
        self, request: pb.ImportConfigRequest, context: Context
    ) -> pb.ImportConfigResponse:
        """Make the configuration what a document says, or only say what would change."""
        parts = self.parts
        wanted = await asyncio.to_thread(document.read, request.yaml)
        try:
            # Each address is looked up.
            async with asyncio.timeout(CHECK_SECONDS):
                plan = await plan_of(wanted, parts.catalog, parts.addresses)
        except TimeoutError as error:
            message = f"The addresses could not be checked within {CHECK_SECONDS:g} s"
            raise DeadlineExceeded(message) from error
        begin = parts.store.rehearse if request.dry_run else parts.store.change
        async with begin(origin_of(context)) as changing:
            work = Import(self.editor(changing), plan, is_rehearsal=request.dry_run)
            await work.run()
        return pb.ImportConfigResponse(changes=work.lines)
