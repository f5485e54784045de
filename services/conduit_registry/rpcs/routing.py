"""RPCs about mappings and fallback chains."""

from conduit.v1 import fallback_chain_requests_pb2 as chain_pb
from conduit.v1 import model_mapping_requests_pb2 as mapping_pb
from conduit_kernel import limits
from conduit_kernel.pagination import page_of
from conduit_kernel.updates import defaults, select
from conduit_registry import messages
from conduit_registry.patches import with_taken_back
from conduit_registry.rpcs.base import Context, RpcBase
from conduit_registry.rules.routing import chain_fields, mapping_defaults, mapping_fields
from conduit_registry.store import FALLBACK_CHAIN, MAPPING
from conduit_registry.values import FallbackChain, defaults_of


class MappingRpcs(RpcBase):
    """Mappings: which instance serves which alias."""

    async def CreateModelMapping(
        self, request: mapping_pb.CreateModelMappingRequest, context: Context
    ) -> mapping_pb.CreateModelMappingResponse:
        """Add a mapping."""
        async with self.editing(context) as editor:
            mapping = await editor.create_mapping(mapping_fields(request.mapping))
        return mapping_pb.CreateModelMappingResponse(mapping=messages.mapping(mapping))

    async def GetModelMapping(
        self, request: mapping_pb.GetModelMappingRequest, context: Context
    ) -> mapping_pb.GetModelMappingResponse:
        """Return a mapping."""
        async with self.parts.store.read() as reading:
            mapping = await reading.get(MAPPING, request.id)
        return mapping_pb.GetModelMappingResponse(mapping=messages.mapping(mapping))

    async def ListModelMappings(
        self, request: mapping_pb.ListModelMappingsRequest, context: Context
    ) -> mapping_pb.ListModelMappingsResponse:
        """Return a page of mappings."""
        where: dict[str, object] = {}
        if request.model_alias:
            where["model_alias"] = limits.text_of(request, "model_alias")
        if request.provider_id:
            where["provider_id"] = request.provider_id
        page = page_of(request, "mappings", where)
        async with self.parts.store.read() as reading:
            found = await reading.page(MAPPING, page, **where)
        mappings, token = page.cut(found, lambda each: each.id)
        return mapping_pb.ListModelMappingsResponse(
            mappings=map(messages.mapping, mappings), next_page_token=token
        )

    async def UpdateModelMapping(
        self, request: mapping_pb.UpdateModelMappingRequest, context: Context
    ) -> mapping_pb.UpdateModelMappingResponse:
        """Change the given fields of a mapping."""
        spec, unset = select(request.mapping, request.update_mask)
        taken_back = defaults(spec, unset, mapping_defaults())
        given = with_taken_back(mapping_fields(spec), taken_back)
        async with self.editing(context) as editor:
            mapping = await editor.update_mapping(request.id, given, request.etag)
        return mapping_pb.UpdateModelMappingResponse(mapping=messages.mapping(mapping))

    async def DeleteModelMapping(
        self, request: mapping_pb.DeleteModelMappingRequest, context: Context
    ) -> mapping_pb.DeleteModelMappingResponse:
        """Remove a mapping."""
        async with self.editing(context) as editor:
            await editor.delete_mapping(request.id)
        return mapping_pb.DeleteModelMappingResponse()


class FallbackChainRpcs(RpcBase):
    """Fallback chains: which instances serve an alias, in order."""

    async def CreateFallbackChain(
        self, request: chain_pb.CreateFallbackChainRequest, context: Context
    ) -> chain_pb.CreateFallbackChainResponse:
        """Add a fallback chain."""
        async with self.editing(context) as editor:
            fallback_chain = await editor.create_chain(chain_fields(request.fallback_chain))
        return chain_pb.CreateFallbackChainResponse(
            fallback_chain=messages.fallback_chain(fallback_chain)
        )

    async def GetFallbackChain(
        self, request: chain_pb.GetFallbackChainRequest, context: Context
    ) -> chain_pb.GetFallbackChainResponse:
        """Return a fallback chain."""
        async with self.parts.store.read() as reading:
            fallback_chain = await reading.get(FALLBACK_CHAIN, request.id)
        return chain_pb.GetFallbackChainResponse(
            fallback_chain=messages.fallback_chain(fallback_chain)
        )

    async def ListFallbackChains(
        self, request: chain_pb.ListFallbackChainsRequest, context: Context
    ) -> chain_pb.ListFallbackChainsResponse:
        """Return a page of fallback chains."""
        where = {}
        if request.model_alias:
            where["model_alias"] = limits.text_of(request, "model_alias")
        page = page_of(request, "fallback_chains", where)
        async with self.parts.store.read() as reading:
            found = await reading.page(FALLBACK_CHAIN, page, **where)
        fallback_chains, token = page.cut(found, lambda each: each.id)
        return chain_pb.ListFallbackChainsResponse(
            fallback_chains=map(messages.fallback_chain, fallback_chains), next_page_token=token
        )

    async def UpdateFallbackChain(
        self, request: chain_pb.UpdateFallbackChainRequest, context: Context
    ) -> chain_pb.UpdateFallbackChainResponse:
        """Change the given fields of a fallback chain."""
        spec, unset = select(request.fallback_chain, request.update_mask)
        taken_back = defaults(spec, unset, defaults_of(FallbackChain))
        given = with_taken_back(chain_fields(spec), taken_back)
        async with self.editing(context) as editor:
            fallback_chain = await editor.update_chain(request.id, given, request.etag)
        return chain_pb.UpdateFallbackChainResponse(
            fallback_chain=messages.fallback_chain(fallback_chain)
        )

    async def DeleteFallbackChain(
        self, request: chain_pb.DeleteFallbackChainRequest, context: Context
    ) -> chain_pb.DeleteFallbackChainResponse:
        """Remove a fallback chain."""
        async with self.editing(context) as editor:
            await editor.delete_chain(request.id)
        return chain_pb.DeleteFallbackChainResponse()
