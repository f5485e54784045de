"""AWS Signature Version 4, made with `botocore`.

The key is one of

* the JSON of an access key, `{"accessKeyId", "secretAccessKey"}`, with `sessionToken` if it is a
  temporary one; what IAM and STS print is understood too
* with `roleArn`, and `externalId` if the role requires one: that role, assumed by STS; without an
  access key of its own, by the machine
* `identity`: what the machine is, by the SDK's own rules: environment, shared files, web identity,
  container, instance role
* anything else: an API key of Bedrock, sent as a bearer token

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html and
https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys.html

Options: `AwsOptions`. Setting of the instance: `region`.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 # botocore's own, which is not Python's
    CredentialRetrievalError,
    HTTPClientError,
    MetadataRetrievalError,
)
from botocore.parsers import ResponseParserError
from msgspec.structs import replace

from conduit_kernel.errors import (
    InvalidApiKey,
    UpstreamError,
    UpstreamUnreachable,
)
from conduit_providers.auth import NEVER, HeaderSigner, Signer, header_value, invalid_key
from conduit_providers.auth.aws_credentials import AwsKey, Machine, Proof, Role, own_credentials
from conduit_providers.auth.options import AwsOptions
from conduit_providers.sending import Send
from conduit_providers.spec import Auth
from conduit_providers.target import Target
from conduit_providers.token_signer import Ask, ExpiringSigner
from conduit_providers.wire import HttpRequest

IDENTITY = "identity"
# How long a signature in a query holds: the most that Transcribe takes.
# https://docs.aws.amazon.com/transcribe/latest/dg/streaming-setting-up.html
PRESIGNED_SECONDS = 300
_ACCESS_KEY_ID = re.compile(r"[A-Z0-9]{16,128}")
# Parts of what IAM and STS print, around the key itself.
_WRAPPERS = ("AccessKey", "Credentials")
_NAMES = ("accessKeyId", "secretAccessKey", "sessionToken", "roleArn", "externalId")


def signer(auth: Auth, secret: str, target: Target) -> Signer:
    """Return a signer for this key. InvalidApiKey, saying why, if it cannot be one."""
    if not secret:
        raise invalid_key(target)
    region = target.settings.get("region", "")
    options: AwsOptions = auth.options
    if secret == IDENTITY:
        return AwsSigner(target, options, region, Machine(region))
    if not secret.startswith("{"):
        if _ACCESS_KEY_ID.fullmatch(secret) and secret[:4] in {"AKIA", "ASIA"}:
            raise _unusable(target, "an access key id needs its secret; give both as JSON")
        return HeaderSigner((("authorization", f"Bearer {header_value(secret, target)}"),))
    key = _read(secret, target)
    machine = None if key.access_key_id else Machine(region)
    if key.role_arn:
        return AwsSigner(target, options, region, Role(key, region, machine))
    return AwsSigner(target, options, region, None, own_credentials(key))


class AwsSigner(ExpiringSigner[Proof]):
    """Signs each request by itself, because the body and the time are in the signature."""

    def __init__(
        self,
        target: Target,
        options: AwsOptions,
        region: str,
        fetch: Callable[[float, Ask], Proof] | None,
        credentials: Credentials | None = None,
    ) -> None:
        """Take what finds the credentials, in a thread, because it waits; or the credentials."""
        super().__init__(target, "AWS")
        self._options = options
        self._region = region
        self._find = fetch
        self._credentials = credentials
        self._expires_at = 0.0 if credentials is None else NEVER

    def sign(self, request: HttpRequest) -> HttpRequest:
        """Return the request with its signature. InvalidApiKey without credentials."""
        if self._credentials is None:
            raise invalid_key(self._target)
        path, base = request.path.partition("?")[0], self._target.base_url
        service = self._options.services.get(path, self._options.service)
        signed = AWSRequest(
            method=request.method,
            url=base + request.path,
            headers=dict(request.headers),
            data=request.body,
        )
        if path in self._options.presigned:
            how = SigV4QueryAuth(self._credentials, service, self._region, PRESIGNED_SECONDS)
            how.add_auth(signed)
            return replace(request, path=str(signed.url).removeprefix(base))
        SigV4Auth(self._credentials, service, self._region).add_auth(signed)
        return replace(
            request, headers=tuple((name.lower(), value) for name, value in signed.headers.items())
        )

    async def refresh(self, now: float, send: Send) -> None:
        """Fetch credentials anew, unless they are the key's own; see `ExpiringSigner`."""
        if self._find is not None:
            await super().refresh(now, send)

    def _fetch(self, now: float, ask: Ask) -> Proof:
        assert self._find is not None  # noqa: S101 # seen before
        try:
            return self._find(now, ask)
        except _FAILURES as error:
            # Not chained: what is behind it may quote the key.
            raise _failure(error, self._target) from None

    def _keep(self, proof: Proof) -> None:
        self._credentials, self._expires_at = proof


def _read(secret: str, target: Target) -> AwsKey:
    try:
        info = orjson.loads(secret)
    except orjson.JSONDecodeError:
        raise _unusable(target, "it begins like JSON, but is none") from None
    members = _unwrapped(info)
    key = AwsKey(*(members.get(name.lower(), "") for name in _NAMES))
    if any(not isinstance(value, str) for value in key):
        raise _unusable(target, "its members must be strings")
    if bool(key.access_key_id) != bool(key.secret_access_key):
        raise _unusable(target, "accessKeyId and secretAccessKey go together")
    if not key.access_key_id and not key.role_arn:
        raise _unusable(target, "it needs accessKeyId and secretAccessKey, or roleArn")
    for value in key:
        header_value(value, target)
    if key.role_arn and not key.role_arn.startswith("arn:"):
        raise _unusable(target, "its roleArn is no ARN")
    return key


def _unwrapped(info: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members by names that do not mind how they are written."""
    for wrapper in _WRAPPERS:
        if isinstance(info.get(wrapper), dict):
            return _unwrapped(info[wrapper])
    return {
        name.replace("_", "").lower().removeprefix("aws"): value
        for name, value in info.items()
        if value is not None
    }


def _unusable(target: Target, why: str) -> InvalidApiKey:
    """Return the error for a key that cannot be used; `why` quotes nothing of it."""
    name = target.provider_name
    return InvalidApiKey(f"The key of {name} is not usable: {why}", provider=name)


# What botocore raises when it finds nothing, is refused, or cannot read what it is given.
_FAILURES = (
    BotoCoreError,
    ClientError,
    ResponseParserError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


def _failure(error: Exception, target: Target) -> UpstreamError:
    name = target.provider_name
    if isinstance(error, HTTPClientError | ConnectionError):
        return UpstreamUnreachable(
            f"AWS's credentials for {name} cannot be reached", provider=name, kind="connect"
        )
    if isinstance(error, CredentialRetrievalError | MetadataRetrievalError | ResponseParserError):
        return UpstreamError(f"AWS failed to give credentials for {name}", provider=name)
    if isinstance(error, ClientError):
        response: Mapping[str, Any] = error.response
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        code = str(response.get("Error", {}).get("Code", ""))
        if not _CLIENT_ERRORS.start <= status < _CLIENT_ERRORS.stop:
            return UpstreamError(f"AWS failed to give credentials for {name}", provider=name)
        return InvalidApiKey(
            f"AWS refuses the key of {name}: {code or status}", provider=name, upstream_code=code
        )
    return _unusable(target, "AWS's library finds no credentials with it")


_CLIENT_ERRORS = range(400, 500)
