"""Microsoft Entra's tokens, fetched with `azure-identity`.

The key is an Entra client, an app registration with a secret, as `{"tenantId", "clientId",
"clientSecret"}` or as `az ad sp create-for-rbac` prints it, `{"tenant", "appId", "password"}`; or
`identity` for what the machine is: `AZURE_...` variables, workload identity, managed identity.

https://learn.microsoft.com/en-us/azure/foundry-classic/openai/how-to/managed-identity

Options: `EntraOptions`.
"""

from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any, Protocol
from urllib.parse import urlencode

import orjson
from azure.core.credentials import AccessToken
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
)
from azure.core.pipeline.transport import HttpResponse as AzureResponse
from azure.core.pipeline.transport import HttpTransport
from azure.core.rest import HttpRequest as AzureRequest
from azure.identity import (
    ClientSecretCredential,
    CredentialUnavailableError,
    DefaultAzureCredential,
)

from conduit_kernel.errors import (
    ConduitError,
    InvalidApiKey,
    UpstreamError,
    UpstreamUnreachable,
)
from conduit_providers.auth import Signer, invalid_key
from conduit_providers.spec import Auth
from conduit_providers.target import Target
from conduit_providers.token_signer import Ask, Token, TokenSigner
from conduit_providers.wire import HttpResponse

IDENTITY = "identity"

# What each member of an Entra client is called.
_SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "tenant_id": ("tenantId", "tenant_id", "tenant"),
    "client_id": ("clientId", "client_id", "appId"),
    "client_secret": ("clientSecret", "client_secret", "password"),
}
# Credentials of developers at their desks, which ask somebody or run programs.
_DESK = {
    "exclude_interactive_browser_credential": True,
    "exclude_developer_cli_credential": True,
    "exclude_cli_credential": True,
    "exclude_powershell_credential": True,
    "exclude_visual_studio_code_credential": True,
    "exclude_shared_token_cache_credential": True,
    "exclude_broker_credential": True,
}


class Credential(Protocol):
    """The interface of azure-identity's credentials that we use."""

    def get_token(self, *scopes: str) -> AccessToken:
        """Fetch a token, or return one that is kept. AzureError if there is none."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


def signer(auth: Auth, secret: str, target: Target) -> Signer:
    """Return a signer for this key. InvalidApiKey, saying why, if it cannot be one."""
    if not secret:
        raise invalid_key(target)
    scope = auth.options.scope
    settings = _settings(auth)
    if secret == IDENTITY:
        return EntraSigner(
            target,
            scope,
            lambda there: DefaultAzureCredential(transport=there, **_DESK, **settings),
        )
    client = _client(secret, target)
    return EntraSigner(
        target, scope, lambda there: ClientSecretCredential(transport=there, **client, **settings)
    )


class EntraSigner(TokenSigner):
    """Adds a token that lasts an hour or more."""

    def __init__(
        self, target: Target, scope: str, load: Callable[["_Transport"], Credential]
    ) -> None:
        """Take what makes a credential: a fresh one each time, since one keeps its tokens."""
        super().__init__(target, "Entra")
        self._scope = scope
        self._load = load

    def _fetch(self, now: float, ask: Ask) -> Token:  # Entra says when it expires
        try:
            with closing(self._load(_Transport(ask))) as credential:
                token = credential.get_token(self._scope)
        except CredentialUnavailableError:
            raise _unusable(self._target, "this machine has no identity in Azure") from None
        except (AzureError, ValueError, OSError) as error:
            # Not chained: what is behind it may quote the key.
            raise _failure(error, self._target, is_answered=ask.failure is None) from None
        return Token(token.token, float(token.expires_on))


class _Transport(HttpTransport[AzureRequest, AzureResponse]):
    """Sends azure-identity's requests over our own connections.

    Its authority is the catalog's or this machine's, so it is trusted as the catalog's addresses.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def __exit__(self, *_: object) -> None:
        """Do nothing: there are no connections of its own."""

    def send(self, request: AzureRequest, **_: object) -> AzureResponse:
        """Return the answer. ServiceRequestError if there is none."""
        # A form is encoded by whoever sends it.
        content: Any = request.content
        body = urlencode(content).encode() if isinstance(content, dict) else content or b""
        try:
            answer = self._ask(request.method, request.url, request.headers, body)
        except ConduitError as error:
            raise ServiceRequestError(error.message, error=error) from error
        return _Answer(request, answer)

    def open(self) -> None:
        """Do nothing: there are no connections of its own."""

    def close(self) -> None:
        """Do nothing: there are no connections of its own."""


class _Answer(AzureResponse):
    """An answer as azure-identity reads it."""

    def __init__(self, request: Any, answer: HttpResponse) -> None:  # noqa: ANN401 # of either kind
        super().__init__(request, answer)
        self.status_code = answer.status
        self.headers = dict(answer.headers)
        self.content_type = answer.headers.get("content-type")

    def body(self) -> bytes:
        """Return the body."""
        content: bytes = self.internal_response.body
        return content


def _settings(auth: Auth) -> dict[str, Any]:
    settings: dict[str, Any] = {
        # Who asked for the token asks again.
        "retry_total": 0,
        # The authority is ours or the operator's, so there is nobody to ask whether it is one.
        "disable_instance_discovery": True,
    }
    if auth.options.authority:
        settings["authority"] = auth.options.authority
    return settings


def _client(secret: str, target: Target) -> dict[str, str]:
    try:
        info = orjson.loads(secret)
    except orjson.JSONDecodeError:
        raise _unusable(target, "it is no JSON") from None
    if not isinstance(info, dict):
        raise _unusable(target, "it is no JSON object")
    found = {name: _member(info, spellings) for name, spellings in _SPELLINGS.items()}
    missing = [_SPELLINGS[name][0] for name, value in found.items() if not value]
    if missing:
        raise _unusable(target, f"an Entra client needs {', '.join(missing)}")
    return found


def _member(info: Mapping[str, object], spellings: tuple[str, ...]) -> str:
    values = (info.get(name) for name in spellings)
    return next((value for value in values if isinstance(value, str) and value), "")


def _unusable(target: Target, why: str) -> InvalidApiKey:
    """Return the error for a key that cannot be used; `why` quotes nothing of it."""
    name = target.provider_name
    return InvalidApiKey(f"The key of {name} is not usable: {why}", provider=name)


def _failure(error: Exception, target: Target, *, is_answered: bool) -> UpstreamError:
    name = target.provider_name
    # The library calls every failure one of authentication, and keeps what it was as the cause.
    origin = error.__cause__ if isinstance(error, ClientAuthenticationError) else None
    error = origin if isinstance(origin, Exception) else error
    if isinstance(error, ValueError):
        return _unusable(target, "Microsoft's library cannot read it")
    if isinstance(error, HttpResponseError) and is_answered:
        if _is_refusal(error):
            return _unusable(target, "Entra refused it")
        return UpstreamError(f"Entra gave no token for {name}", provider=name)
    return UpstreamUnreachable(
        f"Entra's tokens for {name} cannot be reached", provider=name, kind="connect"
    )


def _is_refusal(error: HttpResponseError) -> bool:
    status = error.status_code
    return status is None or status in _REFUSALS


_REFUSALS = frozenset({400, 401, 403})
