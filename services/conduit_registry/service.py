"""The RegistryService of the contract."""

from conduit.v1.registry_service_pb2_grpc import RegistryServiceServicer
from conduit_registry.rpcs.administrator_sessions import AdministratorSessionRpcs
from conduit_registry.rpcs.administrators import AdministratorRpcs
from conduit_registry.rpcs.audit_log import AuditLogRpcs
from conduit_registry.rpcs.configuration import ConfigurationRpcs
from conduit_registry.rpcs.encryption_key import EncryptionKeyRpcs
from conduit_registry.rpcs.keys import KeyRpcs
from conduit_registry.rpcs.maintenance_windows import MaintenanceWindowRpcs
from conduit_registry.rpcs.mcp_servers import McpServerRpcs
from conduit_registry.rpcs.providers import ProviderRpcs
from conduit_registry.rpcs.routing import FallbackChainRpcs, MappingRpcs
from conduit_registry.rpcs.virtual_key_groups import VirtualKeyGroupRpcs
from conduit_registry.rpcs.virtual_keys import VirtualKeyRpcs


class RegistryService(
    ProviderRpcs,
    KeyRpcs,
    MappingRpcs,
    FallbackChainRpcs,
    VirtualKeyRpcs,
    VirtualKeyGroupRpcs,
    McpServerRpcs,
    MaintenanceWindowRpcs,
    AdministratorRpcs,
    AdministratorSessionRpcs,
    ConfigurationRpcs,
    AuditLogRpcs,
    EncryptionKeyRpcs,
    RegistryServiceServicer,
):
    """Keeps what exists."""
