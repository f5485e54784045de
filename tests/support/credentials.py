"""What tests show to our services in order to be let in."""

import base64
import os

from conduit_kernel.rpc import service_metadata
from conduit_kernel.secrets import service_token

Metadata = tuple[tuple[str, str], ...]


def admin_metadata(master_key: str) -> Metadata:
    """Return what an operator sends."""
    return (("x-master-key", master_key),)


def service_metadata_of(encryption_key: bytes) -> Metadata:
    """Return what a service of ours sends to another."""
    return service_metadata(service_token(encryption_key))


def new_key() -> str:
    """Return a fresh encryption key in base64, as the configuration holds it."""
    return base64.b64encode(os.urandom(32)).decode()
