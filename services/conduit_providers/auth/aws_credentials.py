"""Where AWS's credentials come from, by `botocore`'s rules: a role of STS, or what the machine is.

What the library sends goes over our own connections, to AWS itself or to where the machine's
configuration says, and so is not guarded.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.credentials import (
    ContainerProvider,
    Credentials,
    InstanceMetadataProvider,
    RefreshableCredentials,
)
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError
from botocore.session import Session
from botocore.utils import (
    ContainerMetadataFetcher,
    InstanceMetadataFetcher,
    resolve_imds_endpoint_mode,
)

from conduit_kernel.errors import ConduitError, UpstreamTimeout
from conduit_providers.token_signer import REQUEST_SECONDS, Ask

SESSION_NAME = "conduit"
# Of one request to the machine's services, such as that of an instance.
NEARBY_SECONDS = 2.0
# botocore renews what has less than ten minutes left, or fails.
# https://github.com/boto/botocore/blob/develop/botocore/credentials.py
ASSURED_SECONDS = 600.0


class AwsKey(NamedTuple):
    """A key's JSON, read."""

    access_key_id: str = ""
    secret_access_key: str = ""
    session_token: str = ""
    role_arn: str = ""
    external_id: str = ""

    def __repr__(self) -> str:
        """Show nothing."""
        return "AwsKey()"


def own_credentials(key: AwsKey) -> Credentials:
    """Return the credentials that a key itself is."""
    return Credentials(key.access_key_id, key.secret_access_key, key.session_token or None)


class Proof(NamedTuple):
    """Credentials that are good until a time, in seconds since 1970."""

    credentials: Credentials
    expires_at: float


class _Connection:
    """Sends botocore's requests over our own connections."""

    def __init__(self, seconds: float = REQUEST_SECONDS) -> None:
        self._seconds = seconds
        self.ask: Ask | None = None

    def send(self, request: Any) -> AWSResponse:  # noqa: ANN401 # of botocore, untyped
        """Return the answer. EndpointConnectionError or ReadTimeoutError if there is none."""
        assert self.ask is not None  # noqa: S101 # set for each fetch
        headers = {name: _text(value) for name, value in request.headers.items()}
        body = _text(request.body or b"").encode()
        try:
            answer = self.ask(request.method, request.url, headers, body, seconds=self._seconds)
        except UpstreamTimeout as error:
            raise ReadTimeoutError(endpoint_url=request.url) from error
        except ConduitError as error:
            raise EndpointConnectionError(endpoint_url=request.url) from error
        return AWSResponse(request.url, answer.status, answer.headers, _Body(answer.body))


class _Body(NamedTuple):
    """A body as botocore reads it."""

    content: bytes

    def stream(self) -> Iterator[bytes]:
        """Yield all of it."""
        yield self.content


class _InstanceFetcher(InstanceMetadataFetcher):  # type: ignore[misc] # of botocore, untyped
    """Asks the service of an instance over our own connections."""

    def __init__(self, connection: _Connection, session: Any) -> None:  # noqa: ANN401 # untyped
        names = ("ec2_metadata_service_endpoint", "ec2_metadata_v1_disabled")
        config = {name: session.get_config_variable(name) for name in names}
        mode = resolve_imds_endpoint_mode(session)
        super().__init__(
            num_attempts=session.get_config_variable("metadata_service_num_attempts"),
            user_agent=session.user_agent(),
            config={**config, "ec2_metadata_service_endpoint_mode": mode},
        )
        self._session = connection


class Machine:
    """Finds what the machine is."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._found: Any = None
        # To AWS, and to the services of the machine, which answer at once or are not there.
        self._aws = _Connection()
        self._nearby = _Connection(NEARBY_SECONDS)

    def __call__(self, now: float, ask: Ask) -> Proof:
        """Return its credentials. LookupError if it has none, or botocore's errors."""
        self._aws.ask = self._nearby.ask = ask
        if not isinstance(self._found, RefreshableCredentials):
            # Others are read again, because somebody may have written new ones.
            self._found = self._look()
        if self._found is None:
            raise LookupError("the machine has no credentials")
        frozen = self._found.get_frozen_credentials()
        return Proof(
            Credentials(frozen.access_key, frozen.secret_key, frozen.token), now + ASSURED_SECONDS
        )

    def _look(self) -> Any:  # noqa: ANN401 # of botocore, untyped
        session = _session(self._aws)
        session.set_config_variable("region", self._region)
        session.set_default_client_config(_config())
        own = (
            ContainerProvider(fetcher=ContainerMetadataFetcher(session=self._nearby)),
            InstanceMetadataProvider(_InstanceFetcher(self._nearby, session)),
        )
        by_name = {provider.METHOD: provider for provider in own}
        resolver = session.get_component("credential_provider")
        resolver.providers = [by_name.get(each.METHOD, each) for each in resolver.providers]
        return session.get_credentials()


class Role:
    """Assumes a role.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
    """

    def __init__(self, key: AwsKey, region: str, machine: Machine | None) -> None:
        self._key = key
        self._region = region
        self._machine = machine

    def __call__(self, now: float, ask: Ask) -> Proof:
        """Return the role's credentials, or raise botocore's errors."""
        base = own_credentials(self._key)
        if self._machine is not None:
            base = self._machine(now, ask).credentials
        asked = {"RoleArn": self._key.role_arn, "RoleSessionName": SESSION_NAME}
        if self._key.external_id:
            asked["ExternalId"] = self._key.external_id
        connection = _Connection()
        connection.ask = ask
        client: Any = _session(connection).create_client(
            "sts",
            region_name=self._region,
            config=_config(),
            aws_access_key_id=base.access_key,
            aws_secret_access_key=base.secret_key,
            aws_session_token=base.token,
        )
        try:
            given = client.assume_role(**asked)["Credentials"]
        finally:
            client.close()
        credentials = Credentials(
            given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]
        )
        return Proof(credentials, given["Expiration"].timestamp())


def _session(connection: _Connection) -> Any:  # noqa: ANN401 # of botocore, untyped
    """Return a session whose clients send over a connection of ours."""
    session: Any = Session()
    # What handles this event sends in place of botocore.
    session.register("before-send", lambda request, **_: connection.send(request))
    return session


def _config() -> Config:
    return Config(retries={"total_max_attempts": 2, "mode": "standard"})


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
