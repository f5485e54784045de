"""What makes a right key of an instance."""

import re

import orjson

from conduit.v1.key_credential_pb2 import KeyCredentialSpec
from conduit_kernel import limits
from conduit_kernel.errors import InvalidRequest
from conduit_providers.auth import is_own_variable
from conduit_registry.patches import KeyPatch

IDENTITY = "identity"
MAX_API_KEY = 65_536
_FIELD = "apiKey"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
# Shorter keys would be given away by their end.
_LEAST_MASKED = 8
_SHOWN = 4
# What in a key of several parts names it and is no secret.
_PUBLIC_PARTS = ("accessKeyId", "clientId", "client_email", "private_key_id")


def key_fields(spec: KeyCredentialSpec) -> KeyPatch:
    """Read what a spec says of a key. Its base URL is checked by `addresses`."""
    given: KeyPatch = {}
    if spec.HasField("api_key"):
        given["api_key"] = api_key(spec.api_key)
    if spec.HasField("name"):
        given["name"] = limits.text_of(spec, "name")
    if spec.HasField("provider_account_group"):
        given["provider_account_group"] = limits.text_of(spec, "provider_account_group")
    if spec.HasField("is_enabled"):
        given["is_enabled"] = spec.is_enabled
    if spec.HasField("organization"):
        given["organization"] = limits.text_of(spec, "organization")
    if spec.HasField("project"):
        given["project"] = limits.text_of(spec, "project")
    return given


def api_key(value: str) -> str:
    """Return a key without the space around it. The error never quotes it."""
    value = value.strip()
    if not value:
        raise _wrong("must not be empty")
    if len(value) > MAX_API_KEY:
        raise _wrong(f"must have at most {MAX_API_KEY:,} characters")
    if value.startswith("{"):
        _check_json(value)
    elif value.startswith("env:"):
        if not _VARIABLE.fullmatch(value[4:]):
            raise _wrong("must be env: and the name of an environment variable")
        if is_own_variable(value[4:]):
            raise _wrong("must not be a variable of Conduit's own")
    elif value == "file:":
        raise _wrong("must be file: and the path of a file")
    elif not (value.isascii() and value.isprintable()) and not value.startswith("file:"):
        raise _wrong("must have only printable ASCII characters")
    elif not value.isprintable():
        raise _wrong("must not have control characters")
    return value


def is_reference(value: str) -> bool:
    """Return whether an API key only says where the real one is."""
    return value == IDENTITY or value.startswith(("env:", "file:"))


def masked(value: str) -> str:
    """Return what may be shown of an API key."""
    if is_reference(value):
        return value
    if value.startswith("{"):
        parts = orjson.loads(value)
        public = (parts[name] for name in _PUBLIC_PARTS if isinstance(parts.get(name), str))
        value = next(public, "")
    return f"…{value[-_SHOWN:]}" if len(value) >= _LEAST_MASKED else "…"


def _check_json(value: str) -> None:
    try:
        parts = orjson.loads(value)
    except orjson.JSONDecodeError:
        # Without its cause, which holds the whole key.
        raise _wrong("begins like JSON, but is none") from None
    if not parts:
        raise _wrong("must not be an empty object")


def _wrong(what: str) -> InvalidRequest:
    return InvalidRequest(f"{_FIELD} {what}", field=_FIELD)
