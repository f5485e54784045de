"""RPCs about provider instances."""

from collections.abc import Iterable
from functools import partial

from conduit.v1 import provider_pb2 as provider_pb
from conduit.v1 import provider_requests_pb2 as pb
from conduit_kernel.audit.author import author_of
from conduit_kernel.pagination import page_of
from conduit_kernel.updates import defaults, select
from conduit_registry import messages
from conduit_registry.patches import ProviderPatch, with_taken_back
from conduit_registry.rpcs.base import Context, RpcBase
from conduit_registry.rules.fields import key_number
from conduit_registry.rules.providers import provider_defaults, provider_fields
from conduit_registry.store import PROVIDER
from conduit_registry.values import DiscoveredModel, Provider


class ProviderRpcs(RpcBase):
    """Provider instances: what they are, whether they answer, which models they have."""

    async def CreateProvider(
        self, request: pb.CreateProviderRequest, context: Context
    ) -> pb.CreateProviderResponse:
        """Add an instance."""
        given = await self._provider_fields(request.provider)
        async with self.editing(context) as editor:
            provider = await editor.create_provider(given)
        return pb.CreateProviderResponse(provider=messages.provider(provider))

    async def GetProvider(
        self, request: pb.GetProviderRequest, context: Context
    ) -> pb.GetProviderResponse:
        """Return an instance."""
        async with self.parts.store.read() as reading:
            provider = await reading.get(PROVIDER, request.id)
        return pb.GetProviderResponse(provider=messages.provider(provider))

    async def ListProviders(
        self, request: pb.ListProvidersRequest, context: Context
    ) -> pb.ListProvidersResponse:
        """Return a page of instances."""
        where = {}
        if request.provider_type:
            where["provider_type"] = self.parts.catalog.find(request.provider_type).name
        page = page_of(request, "providers", where)
        async with self.parts.store.read() as reading:
            found = await reading.page(PROVIDER, page, **where)
        providers, token = page.cut(found, lambda each: each.id)
        return pb.ListProvidersResponse(
            providers=map(messages.provider, providers), next_page_token=token
        )

    async def UpdateProvider(
        self, request: pb.UpdateProviderRequest, context: Context
    ) -> pb.UpdateProviderResponse:
        """Change the given fields of an instance."""
        spec, unset = select(request.provider, request.update_mask)
        given = with_taken_back(
            await self._provider_fields(spec), defaults(spec, unset, provider_defaults())
        )
        async with self.editing(context) as editor:
            provider = await editor.update_provider(request.id, given, request.etag)
        return pb.UpdateProviderResponse(provider=messages.provider(provider))

    async def DeleteProvider(
        self, request: pb.DeleteProviderRequest, context: Context
    ) -> pb.DeleteProviderResponse:
        """Remove an instance and what cannot be without it."""
        async with self.editing(context) as editor:
            await editor.delete_provider(request.id)
        return pb.DeleteProviderResponse()

    async def TestProvider(
        self, request: pb.TestProviderRequest, context: Context
    ) -> pb.TestProviderResponse:
        """Test whether an instance answers its keys."""
        number = key_number(request.key_id) if request.key_id else None
        report = await self.parts.connectivity.test(request.provider_id, number, author_of(context))
        return pb.TestProviderResponse(report=report)

    async def DiscoverModels(
        self, request: pb.DiscoverModelsRequest, context: Context
    ) -> pb.DiscoverModelsResponse:
        """Ask an instance for its models and store them."""
        found = await self.parts.discovery.discover(request.provider_id, author_of(context))
        return pb.DiscoverModelsResponse(
            provider_id=request.provider_id,
            models=self._discovered(found.provider, found.models),
            added=found.added,
            removed=found.removed,
        )

    async def ListDiscoveredModels(
        self, request: pb.ListDiscoveredModelsRequest, context: Context
    ) -> pb.ListDiscoveredModelsResponse:
        """Return a page of what the last discovery found."""
        page = page_of(request, "models", request.provider_id)
        async with self.parts.store.read() as reading:
            provider = await reading.get(PROVIDER, request.provider_id)
            models, token = page.slice(await reading.discovered(request.provider_id))
        return pb.ListDiscoveredModelsResponse(
            models=self._discovered(provider, models), next_page_token=token
        )

    def _discovered(
        self, provider: Provider, models: Iterable[DiscoveredModel]
    ) -> list[provider_pb.DiscoveredModel]:
        """Return an instance's models as the API shows them."""
        day_of = partial(self.parts.discovery.retirements.day_of, provider.provider_type)
        operations_of = partial(self.parts.catalog.operations_of, provider.provider_type)
        return messages.discovered(models, day_of, operations_of)

    async def _provider_fields(self, spec: provider_pb.ProviderSpec) -> ProviderPatch:
        given = provider_fields(spec, self.parts.catalog)
        if spec.HasField("base_url"):
            given["base_url"] = await self.parts.addresses.check(spec.base_url)
        return given
