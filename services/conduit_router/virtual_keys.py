"""Who calls, and how often at a time: virtual keys against the table."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from hashlib import sha256

from conduit_kernel.auth import Principal
from conduit_kernel.errors import (
    ModelNotAllowed,
    ServiceUnavailable,
    TooManyCalls,
    VirtualKeyDisabled,
    VirtualKeyInvalid,
    VirtualKeyMissing,
)
from conduit_kernel.secrets import Vault
from conduit_router.context import CallerContext
from conduit_router.routing.table import Caller, TableChange

# Known keys are hashed once; more than these at a time start over.
CACHE_SIZE = 10_000
# How long a caller who has too many calls under way is asked to wait.
RETRY_AFTER_MS = 1000
# How a client secret begins, as OpenAI's do.
EPHEMERAL_PREFIX = "ek_"


class VirtualKeys:
    """Knows callers by their `authorization`."""

    def __init__(self, vault: Vault, clock: Callable[[], float]) -> None:
        self.vault = vault
        self.clock = clock
        # None before the first configuration.
        self._callers: dict[bytes, Caller] | None = None
        # By id of the virtual key.
        self._hashes: dict[int, bytes] = {}
        # By `authorization`: the hash by which the key was found.
        self._known: dict[str, bytes] = {}

    def apply(self, change: TableChange) -> None:
        """Take the callers of a new table."""
        self._callers, self._hashes = change.after.callers, change.after.hashes

    def identify(self, authorization: str) -> Caller:
        """Return the caller. One of the VIRTUAL_KEY errors if there is none, or none any more."""
        callers = self._callers
        if callers is None:
            raise _unconfigured()
        known = self._known.get(authorization)
        caller = callers.get(known) if known is not None else None
        if caller is None:
            caller = self._look_up(authorization, callers)
        return self._in_force(caller)

    def hash_of(self, caller: Caller) -> bytes:
        """Return by what a caller's virtual key is known. VirtualKeyInvalid if it is no more."""
        found = self._hashes.get(caller.virtual_key_id)
        if found is None:
            raise VirtualKeyInvalid("This virtual key is unknown", header="Authorization")
        return found

    def caller_with_id(self, virtual_key_id: int) -> Caller:
        """Return whose virtual key has an id. Raises as `identify` does."""
        if self._callers is None:
            raise _unconfigured()
        found = self._hashes.get(virtual_key_id)
        if found is None:
            raise VirtualKeyInvalid("This virtual key is no more", header="Authorization")
        return self.caller_of(found)

    def caller_of(self, key_hash: bytes) -> Caller:
        """Return whose virtual key is known by a hash. Raises as `identify` does."""
        if self._callers is None:
            raise _unconfigured()
        caller = self._callers.get(key_hash)
        if caller is None:
            raise VirtualKeyInvalid("This virtual key is unknown", header="Authorization")
        return self._in_force(caller)

    def _in_force(self, caller: Caller) -> Caller:
        if not caller.is_enabled:
            raise VirtualKeyDisabled(
                "This virtual key is disabled", virtual_key_id=str(caller.virtual_key_id)
            )
        if caller.expires_at <= self.clock():
            raise VirtualKeyDisabled(
                "This virtual key has expired", virtual_key_id=str(caller.virtual_key_id)
            )
        return caller

    def _look_up(self, authorization: str, callers: dict[bytes, Caller]) -> Caller:
        scheme, _, key = authorization.partition(" ")
        key = key.strip()
        if scheme.lower() != "bearer" or not key:
            raise VirtualKeyMissing("This call needs a virtual key", header="Authorization")
        found = next((h for h in self.vault.hashes(key) if h in callers), None)
        if found is None and (imported := sha256(key.encode()).digest()) in callers:
            # Another gateway has made it.
            found = imported
        if found is None:
            message = "This virtual key is unknown"
            if key.startswith(EPHEMERAL_PREFIX):
                message = "A client secret holds realtime sessions, and does nothing else"
            raise VirtualKeyInvalid(message, header="Authorization")
        if len(self._known) >= CACHE_SIZE:
            self._known.clear()
        self._known[authorization] = found
        return callers[found]


def _unconfigured() -> ServiceUnavailable:
    return ServiceUnavailable("The Router has no configuration yet", service="router")


class CallsUnderWay:
    """Counts the calls of each virtual key, so that no key takes the connections of others."""

    def __init__(self, most: int) -> None:
        """Take how many calls a key may have under way at a time; 0 for any number."""
        self._most = most
        # By virtual key; those that have none are not in it.
        self._counts: dict[int, int] = {}
        # The virtual keys that may begin no more.
        self.full = set[int]()

    @property
    def count(self) -> int:
        """Return how many calls are under way."""
        return sum(self._counts.values())

    def begin(self, virtual_key_id: int) -> None:
        """Count a call, which is not to be begun for one of `full`."""
        count = self._counts[virtual_key_id] = self._counts.get(virtual_key_id, 0) + 1
        if count == self._most:
            self.full.add(virtual_key_id)

    def end(self, virtual_key_id: int) -> None:
        """Count the end of a call."""
        count = self._counts[virtual_key_id] - 1
        if count:
            self._counts[virtual_key_id] = count
        else:
            del self._counts[virtual_key_id]
        if self.full:
            self.full.discard(virtual_key_id)

    @contextmanager
    def one_of(self, virtual_key_id: int) -> Iterator[None]:
        """Count a call of a key while it lasts. TooManyCalls if the key has as many as it may."""
        self.check(virtual_key_id)
        self.begin(virtual_key_id)
        try:
            yield
        finally:
            self.end(virtual_key_id)

    def check(self, virtual_key_id: int) -> None:
        """Raise TooManyCalls if a key is one of `full`."""
        if virtual_key_id not in self.full:
            return
        raise TooManyCalls(
            f"This virtual key has {self._most} calls under way, as many as it may have",
            virtual_key_id=str(virtual_key_id),
            limit=str(self._most),
            retry_after_ms=str(RETRY_AFTER_MS),
        )


def called_by(principal: Principal, caller: Caller, request_id: str) -> CallerContext:
    """Return who calls, as whom. CallerNotAllowed if their virtual key may not be used as it is."""
    address, certificate = principal.address, principal.certificate
    if caller.rules is not None:
        caller.rules.check(address, certificate)
    return CallerContext(caller, request_id, address, certificate)


def may_use(caller: Caller, model: str) -> bool:
    """Return whether a caller may use an alias."""
    if caller.allowed is None:
        return True
    levels = (caller.allowed, *caller.also_allowed)
    return all(any(fnmatchcase(model, each) for each in allowed) for allowed in levels)


def check_model(caller: Caller, model: str) -> None:
    """Raise ModelNotAllowed unless a caller may use an alias."""
    if caller.allowed is not None and not may_use(caller, model):
        raise ModelNotAllowed(f"This virtual key may not use the model {model!r}", model=model)
