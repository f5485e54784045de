"""Azure's keys and Entra's tokens: fetched from a real issuer on loopback, kept to ourselves."""

import asyncio
import datetime as dt
import ipaddress
import json
import logging
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.support.egress_proxy import serve_proxy

from conduit_kernel.egress import Egress
from conduit_kernel.errors import InvalidApiKey, UpstreamUnreachable
from conduit_kernel.http import HttpClient
from conduit_providers.auth import Signer, signer_for
from conduit_providers.auth.options import AzureOptions, EntraOptions
from conduit_providers.sending import Send, Sender
from conduit_providers.spec import Auth
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest

Json = dict[str, Any]
TENANT = "11111111-2222-3333-4444-555555555555"
CANARY = "canary-client-5ecret"
TOKEN = "eyJ.canary.token"
SCOPE = "https://cognitiveservices.azure.com/.default"
REQUEST = HttpRequest("POST", "/openai/x", (("a", "b"),))
TARGET = Target("P", "AzureOpenAI", "https://contoso.openai.azure.com")
CLIENT = {"tenantId": TENANT, "clientId": "client-1", "clientSecret": CANARY}
MACHINE = ("AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID", "IDENTITY_ENDPOINT")


class Issuer(ThreadingHTTPServer):
    """Gives tokens, or what it is told to give, as Entra and as a machine's own endpoint."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.scheme = "http"
        self.host = "127.0.0.1"
        self.asked: list[dict[str, list[str]]] = []
        self.status = 200
        self.answer: Json = {"token_type": "Bearer", "expires_in": 3600, "access_token": TOKEN}

    @property
    def address(self) -> str:
        """Where it is."""
        return f"{self.scheme}://{self.host}:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Issuer

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length", "0")))
        self.server.asked.append(parse_qs(raw.decode()))
        self._say(self.server.status, self.server.answer)

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if not path.endswith("openid-configuration"):
            self.server.asked.append(parse_qs(query))
            self._say(self.server.status, self.server.answer)
            return
        issuer = f"{self.server.address}/{TENANT}"
        endpoints = {
            "issuer": f"{issuer}/v2.0",
            "token_endpoint": f"{issuer}/oauth2/v2.0/token",
            "authorization_endpoint": f"{issuer}/oauth2/v2.0/authorize",
        }
        self._say(200, endpoints)

    def _say(self, status: int, answer: Json) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # as its base has it
        """Say nothing."""


def serve(server: Issuer) -> Iterator[Issuer]:
    """Run an issuer."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a certificate for loopback, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer")])
    now = dt.datetime.now(dt.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName(
                [
                    x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
                    x509.DNSName("login.example"),
                ]
            ),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = tmp_path_factory.mktemp("tls") / "issuer.pem"
    file.write_bytes(built.public_bytes(serialization.Encoding.PEM) + private)
    return file


@pytest.fixture
def entra(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Issuer]:
    """Run an issuer behind TLS, which Entra's clients insist on."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    server = Issuer()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.scheme = "https"
    yield from serve(server)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Issuer]:
    """Run the endpoint that App Service gives a machine for its managed identity."""
    for name in MACHINE:
        monkeypatch.delenv(name, raising=False)
    server = Issuer()
    server.answer = {
        "access_token": TOKEN,
        "expires_on": "4000000000",
        "resource": "https://cognitiveservices.azure.com",
        "token_type": "Bearer",
    }
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{server.address}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "header-1")
    yield from serve(server)


def signer_of(key: str, authority: str = "https://127.0.0.1:1") -> Signer:
    """Return the signer for a key."""
    options = AzureOptions(authority=authority)
    return signer_for(Auth("azure", "", options=options), key, TARGET)


def test_token_strategy_takes_no_plain_key() -> None:
    """By itself it wants a client or the machine."""
    with pytest.raises(InvalidApiKey, match="is no JSON"):
        signer_for(Auth("azure_entra", "", options=EntraOptions()), "0123456789abcdef", TARGET)


def test_plain_key_loads_no_library() -> None:
    """Who has a plain key does not pay for Entra."""
    code = (
        "import sys\n"
        "from conduit_providers.auth import signer_for\n"
        "from conduit_providers.auth.options import AzureOptions\n"
        "from conduit_providers.spec import Auth\n"
        "from conduit_providers.target import Target\n"
        "auth = Auth('azure', '', options=AzureOptions())\n"
        "signer_for(auth, 'k', Target('P', 'AzureOpenAI', 'https://a.example'))\n"
        "print('azure.identity' in sys.modules)\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)  # noqa: S603 # our own code
    assert found.stdout.strip() == b"False"


def test_plain_key_goes_into_its_header() -> None:
    """A key of the resource needs no token, and never expires."""
    signer = signer_of("0123456789abcdef")
    assert signer.is_static
    assert signer.sign(REQUEST).headers == (("a", "b"), ("api-key", "0123456789abcdef"))


@pytest.mark.parametrize(
    "key", [CLIENT, {"tenant": TENANT, "appId": "client-1", "password": CANARY}]
)
async def test_client_gets_a_token(entra: Issuer, key: Json, send: Send) -> None:
    """The client's credentials are given to its tenant, and the token signs until it expires."""
    signer = signer_of(json.dumps(key), entra.address)
    assert not signer.is_static
    assert signer.expires_at == 0
    await signer.refresh(1.0, send)
    assert signer.sign(REQUEST).headers == (("a", "b"), ("authorization", f"Bearer {TOKEN}"))
    assert signer.expires_at > 1.7e9
    [asked] = entra.asked
    assert asked["grant_type"] == ["client_credentials"]
    assert asked["client_id"] == ["client-1"]
    assert asked["client_secret"] == [CANARY]
    assert asked["scope"] == [SCOPE]


async def test_tokens_are_fetched_by_the_egress_proxy(entra: Issuer) -> None:
    """As calls are, by our own connections and not by rules of Microsoft's library."""
    entra.host = "login.example"
    there = f"login.example:{entra.server_port}"
    async with serve_proxy() as proxy:
        proxy.known[there] = entra.server_port
        http = HttpClient(egress=Egress(https=proxy.proxy))
        sender = Sender(http, http)
        await signer_of(json.dumps(CLIENT), entra.address).refresh(1.0, sender)
        await sender.close()
        assert {seen.line for seen in proxy.seen} == {f"CONNECT {there} HTTP/1.1"}
    assert len(entra.asked) == 1


async def test_token_is_fetched_anew_before_it_expires(entra: Issuer, send: Send) -> None:
    """A refresh gives a new token, not the one that the library would have kept."""
    signer = signer_of(json.dumps(CLIENT), entra.address)
    await signer.refresh(1.0, send)
    entra.answer["access_token"] = "eyJ.second"
    await signer.refresh(signer.expires_at - 200, send)
    assert signer.sign(REQUEST).headers[-1] == ("authorization", "Bearer eyJ.second")


async def test_those_who_ask_at_once_share_a_token(entra: Issuer, send: Send) -> None:
    """Ten refreshes at the same time are one request."""
    signer = signer_of(json.dumps(CLIENT), entra.address)
    await asyncio.gather(*(signer.refresh(1.0, send) for _ in range(10)))
    assert len(entra.asked) == 1


async def test_machine_proves_itself(machine: Issuer, send: Send) -> None:
    """`identity` asks the endpoint of the machine, with nothing in the key."""
    signer = signer_of("identity")
    await signer.refresh(1.0, send)
    assert signer.sign(REQUEST).headers[-1] == ("authorization", f"Bearer {TOKEN}")
    assert signer.expires_at == 4e9
    assert machine.asked[-1]["resource"] == ["https://cognitiveservices.azure.com"]


async def test_refused_client_is_an_invalid_key(
    entra: Issuer, caplog: pytest.LogCaptureFixture, send: Send
) -> None:
    """What Entra refuses benches the key; the secret is in no error and no log."""
    caplog.set_level(logging.DEBUG)
    entra.status = 401
    entra.answer = {
        "error": "invalid_client",
        "error_description": f"AADSTS7000215: Invalid client secret provided: {CANARY}",
    }
    signer = signer_of(json.dumps(CLIENT), entra.address)
    with pytest.raises(InvalidApiKey, match="Entra refused it") as raised:
        await signer.refresh(1.0, send)
    assert raised.value.__cause__ is None
    assert CANARY not in f"{raised.value} {raised.value.metadata} {signer!r}"
    ours = [r.getMessage() for r in caplog.records if not r.name.startswith(("azure", "msal"))]
    assert CANARY not in " ".join(ours)
    with pytest.raises(InvalidApiKey):
        signer.sign(REQUEST)


async def test_secret_and_token_are_in_no_log(
    entra: Issuer, caplog: pytest.LogCaptureFixture, send: Send
) -> None:
    """Not even the library's own log at its most talkative has them."""
    caplog.set_level(logging.DEBUG)
    signer = signer_of(json.dumps(CLIENT), entra.address)
    await signer.refresh(1.0, send)
    assert CANARY not in caplog.text
    assert TOKEN not in caplog.text
    assert TOKEN not in repr(signer)


async def test_unreachable_issuer_is_not_the_keys_fault(send: Send) -> None:
    """Nobody at the authority's address: the key is not benched."""
    with pytest.raises(UpstreamUnreachable) as raised:
        await signer_of(json.dumps(CLIENT)).refresh(1.0, send)
    assert CANARY not in str(raised.value)


async def test_failing_issuer_is_not_the_keys_fault(entra: Issuer, send: Send) -> None:
    """An error of the issuer's own is one of upstream, and no invalid key."""
    entra.status = 503
    entra.answer = {"error": "temporarily_unavailable"}
    with pytest.raises(UpstreamUnreachable):
        await signer_of(json.dumps(CLIENT), entra.address).refresh(1.0, send)


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("", "Invalid API key"),
        ('{"tenantId": ', "is no JSON"),
        ('{"tenantId": "t", "clientId": "c"}', "needs clientSecret"),
        ('{"tenantId": 1}', "needs tenantId, clientId, clientSecret"),
    ],
)
def test_key_that_cannot_be_one_says_why(key: str, why: str) -> None:
    """The error names what is missing, and quotes nothing."""
    with pytest.raises(InvalidApiKey, match=why):
        signer_of(key)


async def test_tenant_that_is_none_says_so(send: Send) -> None:
    """A tenant's name with characters that it cannot have is the key's fault."""
    signer = signer_of(json.dumps(CLIENT | {"tenantId": "no tenant!"}))
    with pytest.raises(InvalidApiKey, match="cannot read it"):
        await signer.refresh(1.0, send)
