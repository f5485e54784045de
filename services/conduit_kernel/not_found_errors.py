"""What a call names, and nobody has.

* ConduitError
  * NotFound
    * RouteNotFound, ProviderNotFound, KeyNotFound, MappingNotFound, FallbackChainNotFound,
      VirtualKeyNotFound, VirtualKeyGroupNotFound, AdministratorNotFound,
      ModelCostNotFound, ModelNotFound,
      TaskNotFound, VoiceNotFound, VoiceConsentNotFound, WebhookNotFound,
      RequestNotFound, ResponseNotFound, FileNotFound, BatchNotFound,
      McpServerNotFound, McpSessionNotFound, MaintenanceWindowNotFound
"""

from conduit_kernel.errors import ConduitError


class NotFound(ConduitError):
    """Something that was named does not exist; always one of the classes below."""


class RouteNotFound(NotFound):
    """No such path."""

    reason = "ROUTE_NOT_FOUND"


class ProviderNotFound(NotFound):
    """No provider instance has this id."""

    reason = "PROVIDER_NOT_FOUND"


class KeyNotFound(NotFound):
    """The provider has no key of this id."""

    reason = "KEY_NOT_FOUND"


class MappingNotFound(NotFound):
    """No mapping has this id."""

    reason = "MAPPING_NOT_FOUND"


class FallbackChainNotFound(NotFound):
    """No fallback chain has this id."""

    reason = "FALLBACK_CHAIN_NOT_FOUND"


class VirtualKeyNotFound(NotFound):
    """No virtual key has this id."""

    reason = "VIRTUAL_KEY_NOT_FOUND"


class VirtualKeyGroupNotFound(NotFound):
    """No group of virtual keys has this id. Metadata: `virtual_key_group_id`."""

    reason = "VIRTUAL_KEY_GROUP_NOT_FOUND"


class AdministratorNotFound(NotFound):
    """No administrator has this id. Metadata: `administrator_id`."""

    reason = "ADMINISTRATOR_NOT_FOUND"


class ModelCostNotFound(NotFound):
    """No price has this id."""

    reason = "MODEL_COST_NOT_FOUND"


class ModelNotFound(NotFound):
    """No mapping serves this model."""

    reason = "MODEL_NOT_FOUND"


class TaskNotFound(NotFound):
    """No task of the caller's has this id."""

    reason = "TASK_NOT_FOUND"


class WebhookNotFound(NotFound):
    """No webhook has this id."""

    reason = "WEBHOOK_NOT_FOUND"


class RequestNotFound(NotFound):
    """No recent request of this id is remembered."""

    reason = "REQUEST_NOT_FOUND"


class VoiceNotFound(NotFound):
    """No voice of the caller's has this id."""

    reason = "VOICE_NOT_FOUND"


class VoiceConsentNotFound(NotFound):
    """No consent of the caller's has this id."""

    reason = "VOICE_CONSENT_NOT_FOUND"


class ResponseNotFound(NotFound):
    """No response of the caller's has this id."""

    reason = "RESPONSE_NOT_FOUND"


class FileNotFound(NotFound):
    """No file of the caller's has this id. Metadata: `file_id`."""

    reason = "FILE_NOT_FOUND"


class BatchNotFound(NotFound):
    """No batch of the caller's has this id. Metadata: `batch_id`."""

    reason = "BATCH_NOT_FOUND"


class McpServerNotFound(NotFound):
    """No MCP server has this id or name. Metadata: `mcp_server_id`."""

    reason = "MCP_SERVER_NOT_FOUND"


class McpSessionNotFound(NotFound):
    """No session of the caller's has this id. Metadata: `mcp_session_id`."""

    reason = "MCP_SESSION_NOT_FOUND"


class MaintenanceWindowNotFound(NotFound):
    """No maintenance under way has this id. Metadata: `maintenance_window_id`."""

    reason = "MAINTENANCE_WINDOW_NOT_FOUND"
