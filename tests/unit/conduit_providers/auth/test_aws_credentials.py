"""What AWS's library asks for over our own connections, and what it makes of the answers."""

from collections.abc import Mapping
from datetime import UTC, datetime

import orjson
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from conduit_kernel.errors import ConduitError, UpstreamTimeout, UpstreamUnreachable
from conduit_providers.auth.aws_credentials import (
    ASSURED_SECONDS,
    NEARBY_SECONDS,
    AwsKey,
    Machine,
    Role,
    own_credentials,
)
from conduit_providers.token_signer import REQUEST_SECONDS
from conduit_providers.wire import HttpResponse

NOW = 1_795_435_200.0
ROLE = "arn:aws:iam::123456789012:role/conduit"
KEY = AwsKey("AKIDCANARY", "canary-secret", role_arn=ROLE, external_id="ext-1")
STS = """<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
<Credentials><AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>s</SecretAccessKey>
<SessionToken>t</SessionToken><Expiration>2036-01-01T00:00:00Z</Expiration></Credentials>
</AssumeRoleResult></AssumeRoleResponse>"""
REFUSED = """<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error>
<Type>Sender</Type><Code>AccessDenied</Code><Message>No.</Message></Error></ErrorResponse>"""


class Answers:
    """Answers by what an URL has in it; keeps what was asked, and how long it might take."""

    def __init__(self, **answers: HttpResponse | ConduitError) -> None:
        self._answers = answers
        self.asked: list[tuple[str, str, bytes, float]] = []

    def __call__(  # as an `Ask`
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        seconds: float = REQUEST_SECONDS,
        is_guarded: bool = False,
    ) -> HttpResponse:
        """Answer a request."""
        assert not is_guarded
        assert all(isinstance(value, str) for value in headers.values())
        self.asked.append((method, url, body, seconds))
        found = next(answer for part, answer in self._answers.items() if part in url)
        if isinstance(found, ConduitError):
            raise found
        return found


def ok(body: str | object, status: int = 200) -> HttpResponse:
    """Return an answer: XML as it is, anything else as JSON."""
    raw = body.encode() if isinstance(body, str) else orjson.dumps(body)
    return HttpResponse(status, {}, raw)


@pytest.fixture(autouse=True)
def bare_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make this a machine that is nothing by itself."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere/config")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere/credentials")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def test_a_key_shows_nothing_and_is_its_own_credentials() -> None:
    """A pair has no token."""
    assert repr(KEY) == "AwsKey()"
    found = own_credentials(KEY)
    assert (found.access_key, found.secret_key, found.token) == (
        "AKIDCANARY",
        "canary-secret",
        None,
    )
    assert own_credentials(AwsKey("a", "b", "t")).token == "t"


def test_a_role_is_assumed_with_the_pair() -> None:
    """Its credentials are good for as long as STS says."""
    ask = Answers(sts=ok(STS))
    proof = Role(KEY, "eu-west-1", None)(NOW, ask)  # type: ignore[arg-type] # called as an `Ask`
    assert proof.credentials.access_key == "ASIA1"
    assert proof.expires_at == datetime(2036, 1, 1, tzinfo=UTC).timestamp()
    ((method, url, body, seconds),) = ask.asked
    assert (method, url) == ("POST", "https://sts.eu-west-1.amazonaws.com/")
    assert b"RoleSessionName=conduit" in body
    assert b"ExternalId=ext-1" in body
    assert b"canary-secret" not in body
    assert seconds == REQUEST_SECONDS


def test_a_role_that_is_refused_is_the_librarys_error() -> None:
    """It was asked once: nothing is gained by asking again."""
    ask = Answers(sts=ok(REFUSED, 403))
    with pytest.raises(ClientError, match="AccessDenied"):
        Role(KEY, "eu-west-1", None)(NOW, ask)  # type: ignore[arg-type] # called as an `Ask`
    assert len(ask.asked) == 1


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (UpstreamTimeout("late", kind="timeout"), ReadTimeoutError),
        (UpstreamUnreachable("gone", kind="refused"), EndpointConnectionError),
    ],
)
def test_a_request_without_an_answer_is_an_error_that_the_library_knows(
    failure: ConduitError, kind: type[Exception]
) -> None:
    """It asks once more."""
    ask = Answers(sts=failure)
    with pytest.raises(kind):
        Role(KEY, "eu-west-1", None)(NOW, ask)  # type: ignore[arg-type] # called as an `Ask`
    assert len(ask.asked) == 2


def test_a_machine_that_is_nothing_says_so() -> None:
    """And asks nobody."""
    ask = Answers()
    with pytest.raises(LookupError, match="the machine has no credentials"):
        Machine("eu-west-1")(NOW, ask)  # type: ignore[arg-type] # called as an `Ask`
    assert ask.asked == []


def test_what_the_environment_says_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody may have changed it; it is good for as long as the library assures."""
    machine = Machine("eu-west-1")
    for secret in ("first", "second"):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
        proof = machine(NOW, Answers())  # type: ignore[arg-type] # called as an `Ask`
        assert proof.credentials.secret_key == secret
        assert proof.expires_at == NOW + ASSURED_SECONDS


def test_services_nearby_are_waited_for_shortly(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is not there must not hold a call up; what it gave is kept while it is good."""
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1/creds")
    given = {"AccessKeyId": "ASIA2", "SecretAccessKey": "s", "Token": "t"}
    ask = Answers(creds=ok(given | {"Expiration": "2036-01-01T00:00:00Z"}))
    machine = Machine("eu-west-1")
    for _ in range(2):
        proof = machine(NOW, ask)  # type: ignore[arg-type] # called as an `Ask`
        assert proof.credentials.token == "t"
    ((_, url, _, seconds),) = ask.asked
    assert (url, seconds) == ("http://127.0.0.1/creds", NEARBY_SECONDS)


def test_a_role_may_be_the_machines() -> None:
    """Of one that is nothing there is none."""
    role = Role(AwsKey(role_arn=ROLE), "eu-west-1", Machine("eu-west-1"))
    with pytest.raises(LookupError):
        role(NOW, Answers(sts=ok(STS)))  # type: ignore[arg-type] # called as an `Ask`
