"""What wraps encryption keys and opens them, and what may go wrong with that."""

from typing import Protocol


class KeyReferenceWrong(ValueError):
    """A reference to a wrapped key is none, or what it takes to open it is not there."""


class KeyServiceFailed(Exception):
    """A key service did not do what it was asked; the message says why, without any secret."""


class KeyService(Protocol):
    """Wraps and opens encryption keys with a key that never leaves it."""

    def wrap(self, key: bytes) -> str:
        """Return the key as only this service can open it. KeyServiceFailed."""
        ...

    def unwrap(self, wrapped: str) -> bytes:
        """Return a key that it has wrapped. KeyServiceFailed."""
        ...
