"""What the first start leaves in a new gateway, so that it answers at once."""

import time
from collections.abc import Callable

from conduit_cli.gateway import Gateway, GatewayError, Json

PROVIDER_NAME = "Simulator"
ALIAS = "echo"
# Any key will do for the Simulator; names of its failures are keys too.
PROVIDER_KEY = "sk-simulator"
KEY_NAME = "First key"
VISIBLE_SECONDS = 5.0


def set_up(admin: Gateway) -> str:
    """Make the simulated provider with a key and the alias `echo`; return a fresh virtual key.

    What is there already from an attempt that was interrupted stays as it is. GatewayError or
    OSError if it fails; it may be tried again.
    """
    provider_id = _provider(admin)
    if not _all(admin, f"/api/providers/{provider_id}/keys", "keys"):
        key = {"apiKey": PROVIDER_KEY, "providerAccountGroup": "simulator"}
        admin.call("POST", f"/api/providers/{provider_id}/keys", key)
    mapping = {"modelAlias": ALIAS, "providerId": provider_id, "actualModelName": "echo"}
    mappings = _all(admin, "/api/model-provider-mappings", "mappings")
    if not any(m.get("modelAlias") == ALIAS for m in mappings):
        admin.call("POST", "/api/model-provider-mappings", mapping)
    return str(admin.call("POST", "/api/virtual-keys", {"name": KEY_NAME})["key"])


def wait_until_visible(caller: Gateway, clock: Callable[[], float] = time.monotonic) -> bool:
    """Wait until a caller sees the alias; False if that takes longer than it should."""
    deadline = clock() + VISIBLE_SECONDS
    while clock() < deadline:
        try:
            models = caller.call("GET", "/v1/models").get("data", [])
        except (GatewayError, OSError):
            models = []
        if any(model.get("id") == ALIAS for model in models):
            return True
        time.sleep(0.02)
    return False


def _provider(admin: Gateway) -> int:
    for provider in _all(admin, "/api/providers", "providers"):
        if provider.get("name") == PROVIDER_NAME:
            return int(provider["id"])
    made = admin.call(
        "POST",
        "/api/providers",
        {
            "name": PROVIDER_NAME,
            "providerType": "Simulator",
            "description": "Answers without any account; made by the first start",
        },
    )
    return int(made["id"])


def _all(admin: Gateway, path: str, member: str) -> list[Json]:
    answer = admin.call("GET", path)
    items = answer.get(member, [])
    return items if isinstance(items, list) else []
