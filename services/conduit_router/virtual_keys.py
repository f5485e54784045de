"""Who calls: virtual keys against the table."""

from collections.abc import Callable
from fnmatch import fnmatchcase

from conduit_kernel.errors import (
    ModelNotAllowed,
    ServiceUnavailable,
    VirtualKeyDisabled,
    VirtualKeyInvalid,
    VirtualKeyMissing,
)
from conduit_kernel.secrets import Vault
from conduit_router.routing.table import Caller, TableChange

# Known keys are hashed once; more than these at a time start over.
CACHE_SIZE = 10_000


class VirtualKeys:
    """Knows callers by their `authorization`."""

    def __init__(self, vault: Vault, clock: Callable[[], float]) -> None:
        self._vault = vault
        self._clock = clock
        # None before the first configuration.
        self._callers: dict[bytes, Caller] | None = None
        # By `authorization`: the hash by which the key was found.
        self._known: dict[str, bytes] = {}

    def apply(self, change: TableChange) -> None:
        """Take the callers of a new table."""
        self._callers = change.after.callers

    def identify(self, authorization: str) -> Caller:
        """Return the caller. One of the VIRTUAL_KEY errors if there is none, or none any more."""
        callers = self._callers
        if callers is None:
            raise ServiceUnavailable("The Router has no configuration yet", service="router")
        known = self._known.get(authorization)
        caller = callers.get(known) if known is not None else None
        if caller is None:
            caller = self._look_up(authorization, callers)
        if not caller.is_enabled:
            raise VirtualKeyDisabled(
                "This virtual key is disabled", virtual_key_id=str(caller.virtual_key_id)
            )
        if caller.expires_at <= self._clock():
            raise VirtualKeyDisabled(
                "This virtual key has expired", virtual_key_id=str(caller.virtual_key_id)
            )
        return caller

    def _look_up(self, authorization: str, callers: dict[bytes, Caller]) -> Caller:
        scheme, _, key = authorization.partition(" ")
        key = key.strip()
        if scheme.lower() != "bearer" or not key:
            raise VirtualKeyMissing("This call needs a virtual key", header="Authorization")
        found = next((h for h in self._vault.hashes(key) if h in callers), None)
        if found is None:
            raise VirtualKeyInvalid("This virtual key is unknown", header="Authorization")
        if len(self._known) >= CACHE_SIZE:
            self._known.clear()
        self._known[authorization] = found
        return callers[found]


def may_use(caller: Caller, model: str) -> bool:
    """Return whether a caller may use an alias."""
    return caller.allowed is None or any(fnmatchcase(model, p) for p in caller.allowed)


def check_model(caller: Caller, model: str) -> None:
    """Raise ModelNotAllowed unless a caller may use an alias."""
    if caller.allowed is not None and not may_use(caller, model):
        raise ModelNotAllowed(f"This virtual key may not use the model {model!r}", model=model)
