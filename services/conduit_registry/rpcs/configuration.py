"""RPCs about the configuration as a whole: catalog, document."""

import asyncio

from conduit.v1 import registry_requests_pb2 as pb
from conduit.v1.audit_entry_pb2 import AUDIT_ACTION_EXPORTED, AUDIT_ACTION_IMPORTED
from conduit_kernel.audit.author import Author, author_of
from conduit_kernel.errors import DeadlineExceeded
from conduit_kernel.pagination import page_of
from conduit_registry.configuration import document
from conduit_registry.configuration.importing import Import
from conduit_registry.configuration.plan import Plan, plan_of
from conduit_registry.configuration.problems import Problems
from conduit_registry.rpcs.base import Context, RpcBase
from conduit_registry.store import (
    FALLBACK_CHAIN,
    KEY,
    MAPPING,
    PROVIDER,
    VIRTUAL_KEY,
    VIRTUAL_KEY_GROUP,
    BulkTransaction,
)

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

    async def ExportConfig(
        self, request: pb.ExportConfigRequest, context: Context
    ) -> pb.ExportConfigResponse:
        """Return the whole configuration as a document, and note that somebody has it."""
        async with self.parts.store.change(author_of(context)) as changing:
            everything = (
                await changing.every(PROVIDER),
                await changing.every(KEY),
                await changing.every(MAPPING),
                await changing.every(FALLBACK_CHAIN),
                await changing.every(VIRTUAL_KEY),
                await changing.every(VIRTUAL_KEY_GROUP),
            )
            changing.note_configuration(AUDIT_ACTION_EXPORTED, {})
        return pb.ExportConfigResponse(yaml=await asyncio.to_thread(document.write, *everything))

    async def ImportConfig(
        self, request: pb.ImportConfigRequest, context: Context
    ) -> pb.ImportConfigResponse:
        """Make the configuration what a document says, or only say what would change."""
        problems = Problems(collects=request.report_problems)
        plan = await self._plan_of(request.yaml, problems)
        try:
            work, revision = await self._imported(request, plan, problems, author_of(context))
        except _ProblemsFound:
            found = [pb.ConfigProblem(path=p.path, message=p.message) for p in problems.found]
            return pb.ImportConfigResponse(problems=found)
        if work.lines and not request.dry_run:
            await self.parts.followers.until_used(revision)
        return pb.ImportConfigResponse(changes=work.lines, kept=work.kept)

    async def _plan_of(self, text: str, problems: Problems) -> Plan:
        parts = self.parts
        wanted = await asyncio.to_thread(document.read, text)
        try:
            # Each address is looked up.
            async with asyncio.timeout(CHECK_SECONDS):
                return await plan_of(wanted, parts.catalog, parts.addresses, problems)
        except TimeoutError as error:
            message = f"The addresses could not be checked within {CHECK_SECONDS:g} s"
            raise DeadlineExceeded(message) from error

    async def _imported(
        self, request: pb.ImportConfigRequest, plan: Plan, problems: Problems, author: Author
    ) -> tuple[Import, int]:
        store = self.parts.store
        begin = store.rehearse if request.dry_run else store.change
        async with begin(author, BulkTransaction) as changing:
            work = Import(
                self.editor(changing),
                plan,
                is_rehearsal=request.dry_run,
                keeps_others=request.keep_others,
                problems=problems,
            )
            await work.run()
            if problems.found:
                raise _ProblemsFound
            if work.lines:
                changing.note_configuration(AUDIT_ACTION_IMPORTED, {"changes": len(work.lines)})
            return work, changing.revision


class _ProblemsFound(Exception):
    """Something is wrong with a document, so that nothing of it is done."""
