"""The ways to prove to AWS who we are, against real sockets where AWS would be asked."""

import asyncio
import random
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson
import pytest
from msgspec.structs import replace
from tests.support.signatures import is_presigned, is_signed

from conduit_kernel.errors import ConduitError, InvalidApiKey, UpstreamError, UpstreamUnreachable
from conduit_providers.auth import NEVER, Signer, signer_for
from conduit_providers.auth.options import AwsOptions
from conduit_providers.sending import Send
from conduit_providers.spec import Auth
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse

AUTH = Auth(kind="aws_sigv4", description="", options=AwsOptions())
KEY_ID, SECRET, TOKEN = "AKIAIOSFODNN7EXAMPLE", "canary+secret/key", "canary-token"
KEY = {"accessKeyId": KEY_ID, "secretAccessKey": SECRET}
ROLE = {"roleArn": "arn:aws:iam::123456789012:role/conduit", "externalId": "ext-1"}
GIVEN_ID, GIVEN_SECRET, GIVEN_TOKEN = "ASIAGIVENGIVENGIVEN0", "given-secret", "given-token"
NOW = 1_795_435_200.0
STS_ANSWER = """<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleResult>
<Credentials><AccessKeyId>{id}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>
<SessionToken>{token}</SessionToken><Expiration>{expiration}</Expiration></Credentials>
</AssumeRoleResult></AssumeRoleResponse>"""
STS_REFUSAL = """<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error>
<Type>Sender</Type><Code>AccessDenied</Code><Message>canary</Message></Error></ErrorResponse>"""


def target(base_url: str = "https://bedrock-runtime.eu-west-1.amazonaws.com") -> Target:
    """Return an instance in Ireland."""
    return Target("Prod", "Bedrock", base_url, {"region": "eu-west-1"})


def signer_of(key: object, where: Target | None = None) -> Signer:
    """Return the signer of a key, given as JSON or as it is."""
    secret = key if isinstance(key, str) else orjson.dumps(key).decode()
    return signer_for(AUTH, secret, where or target())


REQUEST = HttpRequest(
    "POST",
    "/model/a.b-v1%3A0/converse",
    (("content-type", "application/json"),),
    b'{"messages":[]}',
)


class Aws(ThreadingHTTPServer):
    """Stands where AWS gives credentials; keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, str]] = []
        self.status = 200
        self.answer = ""
        # By path, in place of that one.
        self.answers: dict[str, str] = {}

    @property
    def address(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Aws)
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        self.server.asked.append((self.path, body.decode()))
        answer = self.server.answers.get(self.path, self.server.answer).encode()
        self.send_response(self.server.status)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_PUT = do_POST  # noqa: N815 # http.server's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # as its base has it
        """Say nothing."""


@pytest.fixture(autouse=True)
def bare_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make this a machine that is nothing by itself."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere/config")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere/credentials")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """Run a stand-in for STS and for the service of containers."""
    server = Aws()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", server.address)
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def in_an_hour() -> datetime:
    """Return a time that AWS's library takes for the future."""
    return datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)


@pytest.mark.parametrize("token", ["", TOKEN])
@pytest.mark.parametrize(
    ("base_url", "path"),
    [
        ("https://bedrock-runtime.eu-west-1.amazonaws.com", REQUEST.path),
        ("https://bedrock-runtime.eu-west-1.amazonaws.com:443", REQUEST.path),
        ("http://127.0.0.1:8443/gateway", REQUEST.path),
        ("https://bedrock.eu-west-1.amazonaws.com", "/inference-profiles?maxResults=9&a=b%2Bc"),
        (
            "https://bedrock-runtime.eu-west-1.amazonaws.com",
            "/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A1%3Ainference-profile%2Fa.b/converse",
        ),
    ],
)
def test_signature_is_the_documented_one(base_url: str, path: str, token: str) -> None:
    """A second computation of the signature, from its documentation, comes to the same."""
    signer = signer_of(KEY | ({"sessionToken": token} if token else {}), target(base_url))
    signed = signer.sign(replace(REQUEST, path=path))
    headers = dict(signed.headers)
    url = base_url.removesuffix(":443") + path
    assert is_signed("POST", url, headers, REQUEST.body, SECRET)
    assert not is_signed("POST", url, headers, REQUEST.body + b" ", SECRET)
    assert headers.get("x-amz-security-token", "") == token
    assert "/eu-west-1/bedrock/aws4_request" in headers["authorization"]
    assert (signed.path, signed.body) == (path, REQUEST.body)


async def test_pair_is_good_for_ever_but_signs_each_request(send: Send) -> None:
    """A pair needs no refresh; its signatures must not be kept, so the signer is not static."""
    signer = signer_of(KEY)
    assert (signer.is_static, signer.expires_at) == (False, NEVER)
    await signer.refresh(NOW, send)
    assert dict(signer.sign(REQUEST).headers)["authorization"].startswith("AWS4-HMAC-SHA256 ")
    bare = replace(signer_of(KEY).sign(REQUEST), headers=())
    assert len(signer.sign(bare).headers) == 2


@pytest.mark.parametrize(
    "key",
    [
        KEY,
        {"AccessKeyId": KEY_ID, "SecretAccessKey": SECRET},
        {"aws_access_key_id": KEY_ID, "aws_secret_access_key": SECRET, "region": "x"},
        {"AccessKey": {"UserName": "ada", "AccessKeyId": KEY_ID, "SecretAccessKey": SECRET}},
        {"Credentials": {"AccessKeyId": KEY_ID, "SecretAccessKey": SECRET, "Expiration": "x"}},
    ],
)
def test_key_reads_as_aws_hands_it_out(key: dict[str, Any]) -> None:
    """What IAM, STS and shared files write is understood."""
    headers = dict(signer_of(key).sign(REQUEST).headers)
    url = target().base_url + REQUEST.path
    assert is_signed("POST", url, headers, REQUEST.body, SECRET)


def test_api_key_of_bedrock_is_a_bearer_token() -> None:
    """A key that is no JSON goes into the header as it is, and never expires."""
    signer = signer_of("ABSKcanary")
    assert signer.is_static
    assert dict(signer.sign(REQUEST).headers)["authorization"] == "Bearer ABSKcanary"


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("", "Invalid API key"),
        ("{canary", "begins like JSON"),
        (KEY_ID, "needs its secret"),
        ("with\nnewline", "Invalid API key"),
        ({"accessKeyId": "canary"}, "go together"),
        ({"secretAccessKey": "canary"}, "go together"),
        ({"note": "canary"}, "or roleArn"),
        ({"accessKeyId": "canary", "secretAccessKey": 7}, "must be strings"),
        (KEY | {"roleArn": "canary"}, "no ARN"),
        (KEY | {"sessionToken": "canary\r\nx: y"}, "Invalid API key"),
    ],
)
def test_wrong_key_is_refused_with_a_reason(key: object, why: str) -> None:
    """The message says what is wrong, and quotes nothing of the key."""
    with pytest.raises(InvalidApiKey, match=why) as raised:
        signer_of(key)
    assert "canary" not in str(raised.value) + str(raised.value.metadata)


async def test_role_is_assumed_with_the_pair(aws: Aws, send: Send) -> None:
    """STS is asked once by all who wait, and what it gives is good for as long as it says."""
    expires = in_an_hour()
    aws.answer = STS_ANSWER.format(
        id=GIVEN_ID, secret=GIVEN_SECRET, token=GIVEN_TOKEN, expiration=expires.isoformat()
    )
    signer = signer_of(KEY | ROLE)
    with pytest.raises(InvalidApiKey):
        signer.sign(REQUEST)
    now = expires.timestamp() - 3600
    await asyncio.gather(
        signer.refresh(now, send), signer.refresh(now, send), signer.refresh(now, send)
    )
    ((path, body),) = aws.asked
    assert path == "/"
    assert "Action=AssumeRole" in body
    assert "RoleSessionName=conduit" in body
    assert "ExternalId=ext-1" in body
    assert signer.expires_at == expires.timestamp()
    headers = dict(signer.sign(REQUEST).headers)
    assert headers["x-amz-security-token"] == GIVEN_TOKEN
    url = target().base_url + REQUEST.path
    assert is_signed("POST", url, headers, REQUEST.body, GIVEN_SECRET)
    assert f"Credential={GIVEN_ID}/" in headers["authorization"]


async def test_refused_role_is_an_invalid_key(aws: Aws, send: Send) -> None:
    """AWS's code is told, its words are not: they may hold what is nobody else's business."""
    aws.status, aws.answer = 403, STS_REFUSAL
    with pytest.raises(InvalidApiKey, match="AccessDenied") as raised:
        await signer_of(KEY | ROLE).refresh(NOW, send)
    assert "canary" not in str(raised.value) + str(raised.value.metadata)
    assert raised.value.__cause__ is None


async def test_broken_sts_says_nothing_of_the_key(aws: Aws, send: Send) -> None:
    """A failure of AWS is not the key's."""
    aws.status, aws.answer = 500, "<html>"
    with pytest.raises(UpstreamError) as raised:
        await signer_of(KEY | ROLE).refresh(NOW, send)
    assert type(raised.value) is UpstreamError


async def test_sts_that_cannot_be_reached_is_told(
    monkeypatch: pytest.MonkeyPatch, send: Send
) -> None:
    """Nobody listening is told as such."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9")
    with pytest.raises(UpstreamUnreachable):
        await signer_of(KEY | ROLE).refresh(NOW, send)


async def test_identity_is_what_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, send: Send
) -> None:
    """`identity` takes the SDK's variables, and looks again when they may have changed."""
    signer = signer_of("identity")
    for secret in ("first", "second"):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
        await signer.refresh(NOW if secret == "first" else signer.expires_at + 1, send)
        headers = dict(signer.sign(REQUEST).headers)
        url = target().base_url + REQUEST.path
        assert is_signed("POST", url, headers, REQUEST.body, secret)
    assert signer.expires_at > NOW


async def test_identity_is_what_the_container_service_gives(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, send: Send
) -> None:
    """In a container the service beside it is asked, and its answer kept while it is good."""
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{aws.address}/creds")
    given = {"AccessKeyId": GIVEN_ID, "SecretAccessKey": GIVEN_SECRET, "Token": GIVEN_TOKEN}
    aws.answer = orjson.dumps(given | {"Expiration": in_an_hour().isoformat()}).decode()
    signer = signer_of("identity")
    await signer.refresh(NOW, send)
    await signer.refresh(signer.expires_at, send)
    assert [path for path, _ in aws.asked] == ["/creds"]
    headers = dict(signer.sign(REQUEST).headers)
    assert headers["x-amz-security-token"] == GIVEN_TOKEN


async def test_identity_is_what_the_instances_service_gives(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, send: Send
) -> None:
    """On an instance of EC2 its role's credentials are taken from the service of metadata."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "false")
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", aws.address)
    given = {"AccessKeyId": GIVEN_ID, "SecretAccessKey": GIVEN_SECRET, "Token": GIVEN_TOKEN}
    roles = "/latest/meta-data/iam/security-credentials/"
    aws.answers = {
        "/latest/api/token": "session",
        roles: "conduit",
        f"{roles}conduit": orjson.dumps(
            given | {"Code": "Success", "Expiration": in_an_hour().isoformat()}
        ).decode(),
    }
    sent: list[str] = []

    async def seen(
        base_url: str, request: HttpRequest, seconds: float, *, is_guarded: bool
    ) -> HttpResponse:
        sent.append(request.path)
        return await send(base_url, request, seconds, is_guarded=is_guarded)

    signer = signer_of("identity")
    await signer.refresh(NOW, seen)
    assert [path for path, _ in aws.asked] == sent == list(aws.answers)
    assert f"Credential={GIVEN_ID}/" in dict(signer.sign(REQUEST).headers)["authorization"]


async def test_machine_without_identity_is_told(send: Send) -> None:
    """Where the library finds nothing, the error says so."""
    with pytest.raises(InvalidApiKey, match="finds no credentials"):
        await signer_of("identity").refresh(NOW, send)


@pytest.mark.parametrize("key", [KEY | ROLE, KEY | {"sessionToken": TOKEN}, ROLE, "identity"])
def test_signers_show_nothing(key: object) -> None:
    """No repr has anything of the key."""
    assert repr(signer_of(key)) == "AwsSigner()"


async def test_errors_are_ours(aws: Aws, send: Send) -> None:
    """Whatever STS says, what comes out is an error of ours."""
    for answer in ("", "{}", "<x/>", STS_ANSWER.format(id="", secret="", token="", expiration="")):
        aws.answer = answer
        with pytest.raises(ConduitError):
            await signer_of(KEY | ROLE).refresh(NOW, send)


SEVERAL = Auth(
    kind="aws_sigv4",
    description="",
    options=AwsOptions(
        service="polly", services={"/socket": "transcribe"}, presigned=frozenset({"/socket"})
    ),
)


@pytest.mark.parametrize("key", [KEY, {**KEY, "sessionToken": TOKEN}])
def test_a_websocket_is_signed_in_its_query(key: dict[str, str]) -> None:
    """With its port, its own service, and what was in the query before."""
    where = target("https://transcribe.example:8443")
    handshake = HttpRequest("GET", "/socket?sample-rate=8000&language-options=de-DE%2Cen-US")
    signed = signer_for(SEVERAL, orjson.dumps(key).decode(), where).sign(handshake)
    assert signed.headers == ()
    assert signed.path.startswith(handshake.path + "&X-Amz-")
    assert "%2Feu-west-1%2Ftranscribe%2Faws4_request" in signed.path
    assert "X-Amz-Expires=300" in signed.path
    assert ("X-Amz-Security-Token=canary-token" in signed.path) == ("sessionToken" in key)
    assert is_presigned(where.base_url + signed.path, SECRET)
    assert SECRET not in signed.path
    assert "Signature" not in repr(signed)


def test_other_paths_are_signed_for_the_usual_service() -> None:
    """In a header."""
    signed = signer_for(SEVERAL, orjson.dumps(KEY).decode(), target()).sign(REQUEST)
    fields = dict(signed.headers)
    assert "/eu-west-1/polly/aws4_request" in fields["authorization"]
    assert is_signed("POST", target().base_url + REQUEST.path, fields, REQUEST.body, SECRET)


def _nonsense(chance: random.Random) -> str:
    """Return what somebody may give for a key, or a provider's address may have in it."""
    letters = 'aZ0{}[]":,\\/?#%&=+ \t\r\n\0\x7f\x85é\u2028\ud800😀'
    text = "".join(chance.choices(letters, k=chance.randrange(40)))
    match chance.randrange(4):
        case 0:
            return text
        case 1:
            return "{" + text
        case 2:
            members = {name: _member(chance, text) for name in (*KEY, *ROLE, "sessionToken")}
            return orjson.dumps(members).decode()
        case _:
            wrapped = {
                "Credentials": {"AccessKeyId": KEY_ID, "SecretAccessKey": _member(chance, text)}
            }
            return orjson.dumps(wrapped, option=orjson.OPT_NON_STR_KEYS).decode()


def _member(chance: random.Random, text: str) -> object:
    plain = text.encode(errors="replace").decode()
    return chance.choice([plain, None, 7, [], {}, KEY_ID, SECRET, "x" * 5000])


def test_no_key_and_no_request_is_more_than_refused() -> None:
    """Whatever is given is a signer or an error that says so; whatever is signed has one line."""
    chance = random.Random(1)  # noqa: S311 # for nonsense
    signed, told = 0, list[str]()
    for _ in range(400):
        try:
            signer = signer_of(_nonsense(chance))
        except ConduitError as error:
            told.append(str(error))
            continue
        if not signer.is_static:
            continue
        path = "/" + _nonsense(chance).encode(errors="replace").decode("latin-1")
        try:
            made = signer.sign(replace(REQUEST, path=path, body=chance.randbytes(9)))
        except ConduitError:
            continue
        signed += 1
        assert not any("\r" in value or "\n" in value for _, value in made.headers)
    assert signed
    assert told
    assert not any(SECRET in words for words in told)
