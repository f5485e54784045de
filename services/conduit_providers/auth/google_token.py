"""Google's access tokens, fetched with `google-auth`.

The key is what Google hands out: the JSON of a service account, of workload identity federation
(`external_account`), of an impersonation, or of `gcloud auth application-default login`
(`authorized_user`); or `identity` for what the machine is: the metadata server of Google Cloud, or
what `GOOGLE_APPLICATION_CREDENTIALS` names. Anything else is an API key of Vertex AI.

https://docs.cloud.google.com/docs/authentication/application-default-credentials

Options: `GoogleOptions`.
"""

from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any, NamedTuple, Protocol
from urllib.parse import SplitResult, urlsplit

import google.auth
import orjson
from google.auth import (
    aws,
    external_account_authorized_user,
    identity_pool,
    impersonated_credentials,
)
from google.auth.exceptions import GoogleAuthError, RefreshError, TransportError
from google.oauth2 import credentials as oauth2
from google.oauth2 import service_account

from conduit_kernel.errors import (
    ConduitError,
    InvalidApiKey,
    UpstreamError,
    UpstreamUnreachable,
)
from conduit_providers.auth import HeaderSigner, Signer, header_value, invalid_key
from conduit_providers.spec import Auth
from conduit_providers.target import Target
from conduit_providers.token_signer import REQUEST_SECONDS, Ask, Token, TokenSigner

IDENTITY = "identity"
# Google's tokens last an hour; one that does not say so is soon asked for again.
LIFETIME_SECONDS = 300.0

# Where people's credentials are renewed; their files seldom say.
USER_TOKENS = "https://oauth2.googleapis.com/token"
# What AWS hands out instead of a token.
AWS = "urn:ietf:params:aws:token-type:aws4_request"

# The members that each kind of file must have.
MEMBERS: Mapping[str, tuple[str, ...]] = {
    "service_account": ("client_email", "private_key", "token_uri"),
    "authorized_user": ("client_id", "client_secret", "refresh_token"),
    "external_account": ("audience", "subject_token_type", "token_url", "credential_source"),
    "impersonated_service_account": ("service_account_impersonation_url", "source_credentials"),
    "external_account_authorized_user": ("audience", "refresh_token", "token_url"),
}
# Members that say to whom proofs are sent.
_ISSUERS = (
    "token_uri",
    "token_url",
    "token_info_url",
    "revoke_url",
    "service_account_impersonation_url",
)
# Where clouds give machines their tokens, by the same page.
_METADATA_HOSTS = frozenset({"169.254.169.254", "fd00:ec2::254"})
_METADATA_URLS = ("url", "region_url", "imdsv2_session_token_url")


class Credentials(Protocol):
    """The interface of google-auth's credentials that we use."""

    token: str | None
    # Naive, in UTC.
    expiry: Any

    def refresh(self, request: Any) -> None:  # noqa: ANN401 # of google-auth, untyped
        """Fetch a token. GoogleAuthError if there is none."""
        ...


def signer(auth: Auth, secret: str, target: Target) -> Signer:
    """Return a signer for this key. InvalidApiKey, saying why, if it cannot be one."""
    if not secret:
        raise invalid_key(target)
    scope = auth.options.scope
    if secret == IDENTITY:
        return GoogleTokenSigner(
            target, lambda transport: _of_machine(scope, transport), is_machine=True
        )
    if not secret.startswith("{"):
        return HeaderSigner((("x-goog-api-key", header_value(secret, target)),))
    info = _checked(secret, target)
    try:
        credentials = _loaded(info, [scope])
    except (GoogleAuthError, ValueError, TypeError, KeyError, AttributeError):
        # Not chained: what is behind it may quote the key.
        raise _unusable(target, "Google's library cannot read it") from None
    quota_project = str(info.get("quota_project_id") or "")
    return GoogleTokenSigner(target, lambda _: credentials, quota_project)


class GoogleTokenSigner(TokenSigner):
    """Adds a token that lasts about an hour."""

    def __init__(
        self,
        target: Target,
        load: Callable[["_Transport"], Credentials],
        quota_project: str = "",
        *,
        is_machine: bool = False,
    ) -> None:
        """Take what finds the credentials, when first needed; it may wait."""
        extra = (("x-goog-user-project", quota_project),) if quota_project else ()
        super().__init__(target, "Google", extra)
        self._load = load
        self._is_machine = is_machine
        self._credentials: Credentials | None = None

    def _fetch(self, now: float, ask: Ask) -> Token:
        transport = _Transport(ask, is_guarded=not self._is_machine)
        try:
            if self._credentials is None:
                self._credentials = self._load(transport)
            self._credentials.refresh(transport)
        except (GoogleAuthError, ValueError, OSError) as error:
            # Not chained: what is behind it may quote the key.
            raise _failure(error, self._target) from None
        token, expiry = self._credentials.token, self._credentials.expiry
        if not token:
            raise _unusable(self._target, "Google gave no token for it")
        expires_at = expiry.replace(tzinfo=UTC).timestamp() if expiry else now + LIFETIME_SECONDS
        return Token(token, expires_at)


class _Answer(NamedTuple):
    """An answer as google-auth reads it."""

    status: int
    headers: Mapping[str, str]
    data: bytes


class _Transport:
    """Sends google-auth's requests over our own connections, which judge where they lead."""

    def __init__(self, ask: Ask, *, is_guarded: bool) -> None:
        self._ask = ask
        self._is_guarded = is_guarded

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **_: object,
    ) -> _Answer:
        """Return the answer. TransportError if there is none."""
        data = body.encode() if isinstance(body, str) else body or b""
        is_guarded = self._is_guarded and urlsplit(url).hostname not in _METADATA_HOSTS
        # By itself it would wait for two minutes.
        seconds = timeout or REQUEST_SECONDS
        try:
            answer = self._ask(
                method, url, headers or {}, data, seconds=seconds, is_guarded=is_guarded
            )
        except ConduitError as error:
            raise TransportError(error.message) from error
        return _Answer(answer.status, answer.headers, answer.body)


def _loaded(info: Mapping[str, Any], scopes: list[str]) -> Credentials:
    """Return the credentials of a checked file. GoogleAuthError or ValueError if they are none."""
    kind = info["type"]
    found: Credentials
    if kind == "service_account":
        found = service_account.Credentials.from_service_account_info(info, scopes=scopes)
    elif kind == "authorized_user":
        found = oauth2.Credentials(
            None,
            refresh_token=info["refresh_token"],
            token_uri=info.get("token_uri") or USER_TOKENS,
            client_id=info["client_id"],
            client_secret=info["client_secret"],
        )
    elif kind == "impersonated_service_account":
        impersonated = impersonated_credentials.Credentials
        found = impersonated.from_impersonated_service_account_info(info, scopes=scopes)
    elif kind == "external_account_authorized_user":
        found = external_account_authorized_user.Credentials.from_info(info)
    elif info["subject_token_type"] == AWS:
        found = aws.Credentials.from_info(info, scopes=scopes)
    else:
        found = identity_pool.Credentials.from_info(info, scopes=scopes)
    return found


def _of_machine(scope: str, transport: _Transport) -> Credentials:
    # It is called, not looked at.
    request: Any = transport
    credentials: Credentials
    credentials, _ = google.auth.default(scopes=[scope], request=request)
    return credentials


def _checked(secret: str, target: Target) -> dict[str, Any]:
    try:
        info = orjson.loads(secret)
    except orjson.JSONDecodeError:
        raise _unusable(target, "it begins like JSON, but is none") from None
    kind = info.get("type") if isinstance(info, dict) else None
    if not isinstance(kind, str) or kind not in MEMBERS:
        raise _unusable(target, f"its 'type' must be one of {', '.join(MEMBERS)}")
    missing = [name for name in MEMBERS[kind] if not info.get(name)]
    if missing:
        raise _unusable(target, f"{kind} needs {', '.join(missing)}")
    nested: Any = info
    while isinstance(nested, dict):
        _check_source(nested, target)
        _check_issuers(nested, target)
        nested = nested.get("source_credentials")
    return dict(info)


def _check_source(info: Mapping[str, Any], target: Target) -> None:
    """Refuse files that would read what is not a token of this machine.

    https://docs.cloud.google.com/iam/docs/workload-identity-federation-with-other-clouds
    """
    source = info.get("credential_source") or {}
    if not isinstance(source, dict):
        raise _unusable(target, "its 'credential_source' is no object")
    if "executable" in source:
        raise _unusable(target, "programs are not run for tokens")
    if "certificate" in source:
        raise _unusable(target, "certificates cannot be used for tokens")
    for name in _METADATA_URLS:
        url = _split(source.get(name) or "", name, target)
        if url.netloc and url.hostname not in _METADATA_HOSTS and url.scheme != "https":
            raise _unusable(target, f"its {name!r} is no metadata service and no https address")


def _check_issuers(info: Mapping[str, Any], target: Target) -> None:
    """Refuse files that would have proofs sent to anybody but Google.

    https://docs.cloud.google.com/docs/authentication/external/externally-sourced-credentials;
    the host of the instance's own address is trusted too, for private gateways, but not with what
    a file or a metadata service of this machine says.
    """
    own = urlsplit(target.base_url)
    for name in _ISSUERS:
        value = info.get(name)
        if not value:
            continue
        url = _split(value, name, target)
        is_google = url.scheme == "https" and f".{url.hostname}".endswith(".googleapis.com")
        is_own = (url.scheme, url.hostname) == (own.scheme, own.hostname)
        if not is_google and (not is_own or info.get("credential_source")):
            raise _unusable(target, f"its {name!r} is not Google's")


def _split(value: object, name: str, target: Target) -> SplitResult:
    try:
        return urlsplit(str(value))
    except ValueError:
        raise _unusable(target, f"its {name!r} is no URL") from None


def _unusable(target: Target, why: str) -> InvalidApiKey:
    """Return the error for a key that cannot be used; `why` quotes nothing of it."""
    name = target.provider_name
    return InvalidApiKey(f"The key of {name} is not usable: {why}", provider=name)


def _failure(error: Exception, target: Target) -> UpstreamError:
    name = target.provider_name
    if isinstance(error, TransportError):
        return UpstreamUnreachable(
            f"Google's tokens for {name} cannot be reached", provider=name, kind="connect"
        )
    if isinstance(error, GoogleAuthError) and getattr(error, "retryable", False):
        return UpstreamError(f"Google failed to give a token for {name}", provider=name)
    code = _oauth_code(error)
    if isinstance(error, RefreshError) or not isinstance(error, GoogleAuthError):
        words = f"Google refused it{f' ({code})' if code else ''}"
        return _unusable(target, words)
    return _unusable(target, "this machine has no Google identity")


def _oauth_code(error: Exception) -> str:
    """Return OAuth's word for a refusal, such as `invalid_grant`; it quotes nothing."""
    details = error.args[1] if len(error.args) > 1 else None
    code = details.get("error") if isinstance(details, dict) else None
    return code if isinstance(code, str) and code.replace("_", "").isalpha() else ""
