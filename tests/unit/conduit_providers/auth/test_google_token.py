"""Google's tokens: fetched from a real issuer on loopback, shared, and kept to ourselves."""

import asyncio
import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import _exponential_backoff
from tests.support.egress_proxy import serve_proxy

from conduit_kernel.addresses import is_public
from conduit_kernel.egress import Egress
from conduit_kernel.errors import InvalidApiKey, UpstreamError, UpstreamUnreachable
from conduit_kernel.http import HttpClient
from conduit_providers.auth import Signer, signer_for
from conduit_providers.auth.options import GoogleOptions
from conduit_providers.sending import Send, Sender
from conduit_providers.spec import Auth
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse

AUTH = Auth("google_token", "", options=GoogleOptions())
REQUEST = HttpRequest("POST", "/v1/x", (("a", "b"),))
CANARY = "canary-refresh-5ecret"
TOKEN = "ya29.canary-token"
Json = dict[str, Any]


class Issuer(ThreadingHTTPServer):
    """Gives tokens, or what it is told to give."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[dict[str, list[str]]] = []
        self.status = 200
        self.answer: Json = {"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"}

    @property
    def address(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Issuer)
        raw = self.rfile.read(int(self.headers.get("content-length", "0")))
        self.server.asked.append(parse_qs(raw.decode()))
        body = json.dumps(self.server.answer).encode()
        self.send_response(self.server.status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # as its base has it
        """Say nothing."""


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """Run an issuer."""
    server = Issuer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let google-auth ask again at once, and keep how long it would have waited."""
    asked: list[float] = []
    monkeypatch.setattr(_exponential_backoff, "time", SimpleNamespace(sleep=asked.append))
    return asked


@pytest.fixture(scope="module")
def private_key() -> str:
    """Make a key as Google's files have them."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return pem.decode()


def target(base_url: str = "https://aiplatform.googleapis.com") -> Target:
    """Return an instance."""
    return Target("P", "VertexAI", base_url)


def service_account(private_key: str, token_uri: str) -> Json:
    """Return a file as the console hands it out."""
    return {
        "type": "service_account",
        "project_id": "acme-prod",
        "private_key_id": "k1",
        "private_key": private_key,
        "client_email": "conduit@acme-prod.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": token_uri,
        "universe_domain": "googleapis.com",
    }


def user_file(token_uri: str) -> Json:
    """Return a file as `gcloud auth application-default login` writes it."""
    return {
        "type": "authorized_user",
        "client_id": "id",
        "client_secret": "secret",
        "refresh_token": CANARY,
        "quota_project_id": "acme-quota",
        "token_uri": token_uri,
    }


def signer_of(info: Json, base_url: str) -> Signer:
    """Return the signer for a file."""
    return signer_for(AUTH, json.dumps(info), target(base_url))


async def test_service_account_signs_with_a_token(
    issuer: Issuer, private_key: str, send: Send
) -> None:
    """The file's key signs an assertion, the issuer gives a token, and requests carry it."""
    info = service_account(private_key, f"{issuer.address}/token")
    signer = signer_of(info, issuer.address)
    assert (signer.is_static, signer.expires_at) == (False, 0)
    with pytest.raises(InvalidApiKey):
        signer.sign(REQUEST)
    await signer.refresh(0, send)
    assert signer.sign(REQUEST).headers == (("a", "b"), ("authorization", f"Bearer {TOKEN}"))
    assert signer.expires_at > 0
    [asked] = issuer.asked
    assert asked["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    assert private_key not in str(asked)


async def test_user_file_names_its_quota_project(issuer: Issuer, send: Send) -> None:
    """What a person's credentials consume is another project's quota."""
    signer = signer_of(user_file(f"{issuer.address}/token"), issuer.address)
    await signer.refresh(0, send)
    assert ("x-goog-user-project", "acme-quota") in signer.sign(REQUEST).headers


async def test_those_who_ask_together_share_one_token(
    issuer: Issuer, private_key: str, send: Send
) -> None:
    """A herd of refreshes asks the issuer once; a later one asks again."""
    info = service_account(private_key, f"{issuer.address}/token")
    signer = signer_of(info, issuer.address)
    await asyncio.gather(*(signer.refresh(0, send) for _ in range(10)))
    assert len(issuer.asked) == 1
    await signer.refresh(signer.expires_at, send)
    assert len(issuer.asked) == 2


async def test_refusal_tells_the_code_and_no_secret(
    issuer: Issuer, caplog: pytest.LogCaptureFixture, send: Send
) -> None:
    """OAuth's word for the refusal reaches the operator; nothing of the key does."""
    caplog.set_level(logging.DEBUG)
    issuer.status = 400
    issuer.answer = {"error": "invalid_grant", "error_description": f"Bad {CANARY}"}
    signer = signer_of(user_file(f"{issuer.address}/token"), issuer.address)
    with pytest.raises(InvalidApiKey, match="invalid_grant") as raised:
        await signer.refresh(0, send)
    assert CANARY not in repr((raised.value, raised.value.metadata, raised.value.__cause__))
    assert CANARY not in repr(signer)
    assert CANARY not in caplog.text


async def test_failing_issuer_is_no_bad_key(
    issuer: Issuer, send: Send, pauses: list[float]
) -> None:
    """A 503 of the issuer says nothing about the key; google-auth asks three times, pausing."""
    issuer.status = 503
    issuer.answer = {"error": "internal_failure"}
    signer = signer_of(user_file(f"{issuer.address}/token"), issuer.address)
    with pytest.raises(UpstreamError) as raised:
        await signer.refresh(0, send)
    assert type(raised.value) is UpstreamError
    assert (len(issuer.asked), [round(pause) for pause in pauses]) == (3, [1, 2])


async def test_unreachable_issuer_is_no_bad_key(issuer: Issuer, send: Send) -> None:
    """Nor does one that nobody can reach."""
    signer = signer_of(user_file("http://127.0.0.1:1/token"), issuer.address)
    with pytest.raises(UpstreamUnreachable):
        await signer.refresh(0, send)


@pytest.mark.parametrize("address", ["169.254.169.254", "[fd00:ec2::254]"])
async def test_metadata_services_are_asked_whatever_addresses_are_allowed(address: str) -> None:
    """They are the machine's own; all else that a file names is judged as an operator's address."""
    sent: list[tuple[str, bool]] = []

    async def send(
        base_url: str, _request: HttpRequest, _seconds: float, *, is_guarded: bool
    ) -> HttpResponse:
        sent.append((base_url, is_guarded))
        return HttpResponse(200, {}, b'{"access_token": "a.b.c", "expires_in": 60}')

    source = {"url": f"http://{address}/token", "format": {"type": "text"}}
    await signer_of(FEDERATED | {"credential_source": source}, "https://x.example").refresh(0, send)
    assert sent == [(f"http://{address}", False), ("https://sts.googleapis.com", True)]


async def test_address_of_a_file_is_judged_when_it_is_connected_to(issuer: Issuer) -> None:
    """A private address that looked like any other when the key was taken gets no proof."""
    sender = Sender(HttpClient(), HttpClient(allow_address=is_public))
    signer = signer_of(user_file(f"{issuer.address}/token"), issuer.address)
    with pytest.raises(UpstreamUnreachable):
        await signer.refresh(0, sender)
    await sender.close()
    assert issuer.asked == []


async def test_tokens_are_fetched_by_the_egress_proxy(issuer: Issuer) -> None:
    """As calls are, which would be of no use without."""
    async with serve_proxy() as proxy:
        proxy.known["login.example:80"] = issuer.server_port
        http = HttpClient(egress=Egress(http=proxy.proxy))
        sender = Sender(http, http)
        signer = signer_of(user_file("http://login.example/token"), "http://login.example")
        await signer.refresh(0, sender)
        await sender.close()
        assert [seen.line for seen in proxy.seen] == ["POST http://login.example/token HTTP/1.1"]
    assert signer.expires_at > 0


@pytest.mark.usefixtures("pauses")
async def test_old_token_outlives_a_failed_refresh(issuer: Issuer, send: Send) -> None:
    """While the issuer fails, requests go on with the token there is."""
    signer = signer_of(user_file(f"{issuer.address}/token"), issuer.address)
    await signer.refresh(0, send)
    issuer.status, issuer.answer = 400, {"error": "temporarily_unavailable"}
    with pytest.raises(UpstreamError):
        await signer.refresh(signer.expires_at, send)
    assert ("authorization", f"Bearer {TOKEN}") in signer.sign(REQUEST).headers


async def test_identity_is_the_machines_own(
    issuer: Issuer, private_key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, send: Send
) -> None:
    """`identity` finds what GOOGLE_APPLICATION_CREDENTIALS names, without any key of ours."""
    file = tmp_path / "adc.json"
    file.write_text(json.dumps(service_account(private_key, f"{issuer.address}/token")))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    signer = signer_for(AUTH, "identity", target())
    await signer.refresh(0, send)
    assert ("authorization", f"Bearer {TOKEN}") in signer.sign(REQUEST).headers


async def test_machine_without_identity_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, send: Send
) -> None:
    """Where there is none, the error is clear and comes soon."""
    for name, value in (
        ("HOME", str(tmp_path)),
        ("CLOUDSDK_CONFIG", str(tmp_path)),
        ("NO_GCE_CHECK", "true"),
    ):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    with pytest.raises(InvalidApiKey, match="no Google identity"):
        await signer_for(AUTH, "identity", target()).refresh(0, send)


def test_api_key_goes_into_its_header() -> None:
    """What is no JSON is an API key of Vertex AI."""
    signed = signer_for(AUTH, "AQ.key", target()).sign(REQUEST)
    assert signed.headers[-1] == ("x-goog-api-key", "AQ.key")


GOOGLES = "https://oauth2.googleapis.com/token"
FEDERATED = {
    "type": "external_account",
    "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p",
    "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
    "token_url": "https://sts.googleapis.com/v1/token",
    "credential_source": {"file": "/var/run/token"},
}


# What the machine's own files say is not for the instance's own address, wherever that is.
OWN = "https://aiplatform.googleapis.com.example/token"


def nested(source: Json) -> Json:
    """Return a file that impersonates somebody with another file's credentials."""
    return {
        "type": "impersonated_service_account",
        "service_account_impersonation_url": "https://iamcredentials.googleapis.com/v1/x:g",
        "source_credentials": source,
    }


def test_workload_identity_is_taken() -> None:
    """The configuration of a workload identity pool is a key like any other."""
    assert not signer_of(FEDERATED, "https://aiplatform.googleapis.com").is_static


@pytest.mark.parametrize(
    ("info", "why"),
    [
        ({"type": "robot"}, "'type' must be one of"),
        ({"type": ["service_account"]}, "'type' must be one of"),
        ({"type": "service_account", "client_email": "a"}, "needs private_key, token_uri"),
        (service_account(CANARY, GOOGLES), "cannot read it"),
        (service_account(CANARY, "https://evil.example/token"), "'token_uri' is not Google's"),
        (service_account(CANARY, "https://evilgoogleapis.com/"), "'token_uri' is not Google's"),
        (service_account(CANARY, "http://oauth2.googleapis.com/"), "'token_uri' is not Google's"),
        (FEDERATED | {"token_url": "https://evil.example"}, "'token_url' is not Google's"),
        (FEDERATED | {"credential_source": {"executable": {"command": "x"}}}, "not run"),
        (FEDERATED | {"credential_source": {"certificate": {}}}, "certificates"),
        (FEDERATED | {"credential_source": {"url": "http://10.0.0.5/token"}}, "no metadata"),
        (FEDERATED | {"credential_source": {"url": "http://[::1"}}, "is no URL"),
        (FEDERATED | {"credential_source": "x"}, "no object"),
        (FEDERATED | {"token_url": OWN}, "'token_url' is not Google's"),
        (nested(FEDERATED | {"token_url": OWN}), "'token_url' is not Google's"),
        (nested(FEDERATED | {"credential_source": {"executable": {}}}), "not run"),
        (nested(nested(FEDERATED | {"credential_source": {"executable": {}}})), "not run"),
    ],
)
def test_unusable_file_is_refused_with_the_reason(info: Json, why: str) -> None:
    """A file that cannot work, or would send proofs elsewhere, is refused at once."""
    with pytest.raises(InvalidApiKey, match=why) as raised:
        signer_of(info, "https://aiplatform.googleapis.com.example")
    assert CANARY not in repr((raised.value, raised.value.__cause__, raised.value.__context__))


@pytest.mark.parametrize("secret", ["", "{not json", "ключ"])
def test_unusable_text_is_refused(secret: str) -> None:
    """Neither nothing, nor broken JSON, nor what no header can hold is a key."""
    with pytest.raises(InvalidApiKey):
        signer_for(AUTH, secret, target())
