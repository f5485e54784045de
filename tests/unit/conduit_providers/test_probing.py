"""How an instance's key is opened for a probe, and what of it is told."""

import time
from collections.abc import Mapping
from pathlib import Path

import orjson
import pytest

from conduit.internal.v1.snapshot_pb2 import SnapshotKey
from conduit.v1.key_credential_pb2 import KeyCredential
from conduit.v1.provider_pb2 import Provider
from conduit_kernel.errors import ConduitError, InvalidApiKey, SecretUnreadable
from conduit_kernel.secrets import Vault
from conduit_providers.catalog import load_catalog
from conduit_providers.probe import Probe
from conduit_providers.probing import Prober
from conduit_providers.wire import HttpRequest, HttpResponse

CATALOG = load_catalog()
VAULT = Vault(bytes(32))
CANARY = "sk-canary-0123456789"


def key(secret: str, *, vault: Vault = VAULT, base_url: str = "") -> SnapshotKey:
    """Return a sealed key."""
    credential = KeyCredential(id="key_1", base_url=base_url)
    return SnapshotKey(credential=credential, secret=vault.seal(secret, "key_1"))


class Upstream:
    """Answers with a list of models; keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, HttpRequest, bool]] = []

    async def __call__(
        self, base_url: str, request: HttpRequest, _seconds: float, *, is_guarded: bool
    ) -> HttpResponse:
        """Answer a request."""
        self.asked.append((base_url, request, is_guarded))
        return HttpResponse(200, {}, orjson.dumps({"data": [{"id": "a"}]}))


def prober(upstream: Upstream, env: Mapping[str, str] | None = None) -> Prober:
    """Return a prober of this machine."""
    probe = Probe(CATALOG, upstream, clock=time.time, timer=time.monotonic)
    return Prober(
        probe,
        catalog=CATALOG,
        vault=VAULT,
        env=env or {},
        read_file=lambda path: Path(path).read_text("utf-8"),
    )


def provider(base_url: str = "", kind: str = "OpenAI") -> Provider:
    """Return an instance."""
    return Provider(name="P", provider_type=kind, base_url=base_url)


async def test_a_key_is_opened_and_its_models_are_listed() -> None:
    """With the key where the provider wants it."""
    upstream = Upstream()
    opened = await prober(upstream).open(provider(), key(CANARY))
    assert (opened.secret, opened.key_id) == (CANARY, "key_1")
    assert CANARY not in repr(opened)
    listed = await prober(upstream).list_models(opened)
    assert listed.names == ["a"]
    ((base_url, request, is_guarded),) = upstream.asked
    assert base_url == "https://api.openai.com/v1"
    assert dict(request.headers)["authorization"] == f"Bearer {CANARY}"
    assert not is_guarded


@pytest.mark.parametrize(
    ("given", "of_key"), [("https://a.example", ""), ("", "https://a.example")]
)
async def test_an_address_of_the_operators_is_guarded(given: str, of_key: str) -> None:
    """Whoever may name one must not reach this machine's own services with a key."""
    opened = await prober(Upstream()).open(provider(given), key(CANARY, base_url=of_key))
    assert opened.is_guarded
    assert opened.target.base_url == "https://a.example"


async def test_references_are_followed(tmp_path: Path) -> None:
    """To the variable, or to the file."""
    file = tmp_path / "key"
    file.write_text(f"{CANARY}\n")
    opener = prober(Upstream(), {"KEY": CANARY})
    for text in ("env:KEY", f"file:{file}"):
        assert (await opener.open(provider(), key(text))).secret == CANARY


@pytest.mark.parametrize("text", ["env:NOTHING", "file:/nowhere/key", "env:CONDUIT_MASTER_KEY"])
async def test_a_reference_that_leads_nowhere_is_told(text: str) -> None:
    """Or to where no key of a provider is."""
    opener = prober(Upstream(), {"CONDUIT_MASTER_KEY": CANARY})
    with pytest.raises(SecretUnreadable) as raised:
        await opener.open(provider(), key(text))
    assert CANARY not in str(raised.value)


async def test_a_key_that_was_sealed_elsewhere_stays_shut() -> None:
    """With another encryption key, or for another owner."""
    with pytest.raises(SecretUnreadable, match="another encryption key"):
        await prober(Upstream()).open(provider(), key(CANARY, vault=Vault(b"1" * 32)))
    moved = key(CANARY)
    moved.credential.id = "key_2"
    with pytest.raises(SecretUnreadable):
        await prober(Upstream()).open(provider(), moved)


async def test_without_a_key_only_types_that_need_none_are_probed() -> None:
    """A server on loopback may want none."""
    with pytest.raises(InvalidApiKey, match="has no enabled key"):
        await prober(Upstream()).open(provider(), None)
    opened = await prober(Upstream()).open(provider("http://127.0.0.1:1", "Ollama"), None)
    assert (opened.secret, opened.key_id, opened.is_guarded) == ("", "", True)


async def test_an_instance_that_is_none_is_told_before_its_key_is_opened() -> None:
    """So that the reason is the right one."""
    with pytest.raises(ConduitError, match="There is no provider type"):
        await prober(Upstream()).open(provider(kind="Nonsense"), key("env:NOTHING"))
