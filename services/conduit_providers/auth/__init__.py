"""Ways to tell a provider who is calling, one module each.

A catalog entry names a module of this package (`bearer`), or of a third party by its dotted path.
The module's `signer(auth, secret, target)` makes a `Signer` for one key of one instance. A signer
holds the secret: it has no revealing repr, and its errors never quote it.
"""

import math
from collections.abc import Callable, Mapping
from typing import Protocol, cast

from msgspec.structs import replace

from conduit_kernel.errors import InvalidApiKey, SecretUnreadable
from conduit_providers.auth.options import auth_options
from conduit_providers.auth.secret_files import files_named, secret_file
from conduit_providers.importing import exists, member_of
from conduit_providers.sending import Send
from conduit_providers.spec import Auth
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest

NEVER = math.inf
# Environment variables that never go to a provider: the gateway's own keys, and what may hold the
# password of its proxy or of its database, or opens its keys.
OWN_PREFIX = "CONDUIT_"
OWN_VARIABLES = frozenset({"HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "PGPASSWORD", "VAULT_TOKEN"})


class Signer(Protocol):
    """Proves who we are with one key.

    A static signer needs no `refresh`. A token strategy is refreshed off the hot path, some time
    before `expires_at`, and before its first use.
    """

    @property
    def is_static(self) -> bool:
        """Return whether the proof never expires."""
        ...

    @property
    def expires_at(self) -> float:
        """Return when the proof expires, in seconds since 1970; infinity for a static one."""
        ...

    def sign(self, request: HttpRequest) -> HttpRequest:
        """Return the request with the proof added. InvalidApiKey if there is none (any more)."""
        ...

    async def refresh(self, now: float, send: Send) -> None:
        """Fetch a new proof; `now` is in seconds since 1970. UpstreamError by what went wrong.

        `send` keeps to the operator's rules of where requests may go; `token_signer` lends it to
        libraries that wait in threads.
        """
        ...


class StaticSigner:
    """Base of signers whose proof never expires."""

    __slots__ = ()
    is_static = True
    expires_at = NEVER

    def __repr__(self) -> str:
        """Name the strategy, and nothing else."""
        return f"{type(self).__name__}()"

    async def refresh(self, now: float, send: Send) -> None:
        """Do nothing."""


class HeaderSigner(StaticSigner):
    """Adds the same headers to every request."""

    __slots__ = ("_headers",)

    def __init__(self, headers: tuple[tuple[str, str], ...]) -> None:
        self._headers = headers

    def sign(self, request: HttpRequest) -> HttpRequest:
        """Return the request with the headers added."""
        return replace(request, headers=request.headers + self._headers)


Factory = Callable[[Auth, str, Target], Signer]


def signer_for(auth: Auth, secret: str, target: Target) -> Signer:
    """Return the signer that a provider type asks for.

    `secret` is resolved, see `resolve_secret`; empty if there is none. InvalidApiKey if the type
    needs a key and this cannot be one, InvalidRequest if the strategy cannot be imported.
    """
    if auth.options is None:
        auth = replace(auth, options=auth_options(auth.kind)())
    return cast("Factory", member_of(_module(auth.kind), "signer"))(auth, secret, target)


def import_auth(kind: str) -> None:
    """Import a strategy before it is used. InvalidRequest, with the cause, if that cannot be."""
    member_of(_module(kind), "signer")


def has_auth(kind: str) -> bool:
    """Return whether there is a strategy of this name, see `exists`."""
    return exists(_module(kind))


def resolve_secret(text: str, env: Mapping[str, str], read_file: Callable[[str], str]) -> str:
    """Return the secret that a key's text stands for: itself, `env:NAME` or `file:PATH`.

    A text that is a key itself may name files, such as that of a token; those must be readable.

    SecretUnreadable if the variable or the file does not exist, or is none for providers; it
    quotes the name, not the value.
    """
    kind, _, name = text.partition(":")
    if kind == "env" and name:
        if is_own_variable(name):
            raise SecretUnreadable(f"{name} is no key of a provider", reference=text)
        if name not in env:
            message = f"There is no environment variable {name} that keys may name"
            raise SecretUnreadable(message, reference=text)
        return env[name].strip()
    read = {path: _read(path, read_file) for path in files_named(text)}
    path = secret_file(text)
    return (text if path is None else read[path]).strip()


def is_own_variable(name: str) -> bool:
    """Return whether an environment variable is the gateway's own, such as its master key."""
    upper = name.upper()
    return upper.startswith(OWN_PREFIX) or upper in OWN_VARIABLES


def _read(path: str, read_file: Callable[[str], str]) -> str:
    reference = f"file:{path}"
    try:
        return read_file(path)
    except OSError as error:
        raise SecretUnreadable(
            f"The key file {path} cannot be read: {error.strerror or error}", reference=reference
        ) from error
    except ValueError as error:
        raise SecretUnreadable(
            f"The key file {path} cannot be read", reference=reference
        ) from error


def header_value(secret: str, target: Target) -> str:
    """Return the secret as it may stand in a header. InvalidApiKey if it may not."""
    if not secret.isascii() or not secret.isprintable():
        raise invalid_key(target)
    return secret


def invalid_key(target: Target) -> InvalidApiKey:
    """Return the error for a key that cannot be used."""
    return InvalidApiKey(
        f"Invalid API key for provider {target.provider_name}", provider=target.provider_name
    )


def identity_headers(auth: Auth, target: Target) -> tuple[tuple[str, str], ...]:
    """Return the headers that name the organization and the project, where the type has them."""
    pairs = (
        (auth.options.organization_header, target.organization),
        (auth.options.project_header, target.project),
    )
    return tuple((name, header_value(value, target)) for name, value in pairs if name and value)


def _module(kind: str) -> str:
    return kind if "." in kind else f"{__name__}.{kind}"
