"""The RegistryService of the contract."""

from conduit.v1.registry_service_pb2_grpc import RegistryServiceServicer
from conduit_registry.config_service import ConfigRpcs
from conduit_registry.key_service import KeyRpcs
from conduit_registry.provider_service import ProviderRpcs
from conduit_registry.routing_service import FallbackChainRpcs, MappingRpcs
from conduit_registry.virtual_key_service import VirtualKeyRpcs


class RegistryService(
    ProviderRpcs,
    KeyRpcs,
    MappingRpcs,
    FallbackChainRpcs,
    VirtualKeyRpcs,
    ConfigRpcs,
    RegistryServiceServicer,
):
    """Keeps what exists."""
