"""Client secrets: whose they are, what they are good for, and when they end."""

import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from tests.support.call_bench import Bench
from tests.support.snapshots import (
    ENCRYPTION_KEY,
    VIRTUAL_KEY,
    compiled,
    first,
    provider,
    snapshot,
    virtual_key,
)

from conduit.v1 import converse_requests_pb2 as pb
from conduit.v1.call_pb2 import CallOptions
from conduit.v1.client_secret_json import client_secret_spec_from_json
from conduit.v1.client_secret_pb2 import ClientSecret
from conduit_kernel.errors import (
    ConduitError,
    InvalidRequest,
    ModelNotAllowed,
    ServiceUnavailable,
    VirtualKeyDisabled,
    VirtualKeyInvalid,
)
from conduit_kernel.not_found_errors import ModelNotFound
from conduit_kernel.secrets import Vault
from conduit_router.client_secrets import ClientSecretHolder, ClientSecrets
from conduit_router.context import CallerContext
from conduit_router.virtual_keys import VirtualKeys

SESSION = {"type": "realtime", "model": "gpt", "instructions": "Be brief"}
WRITTEN = {"audio": {"input": {"transcription": {"model": "whisper-1"}}}}


class Worker:
    """A Router's knowledge of callers, and a clock."""

    def __init__(self, folder: Path, vault: Vault | None = None) -> None:
        self.now = 1000.0
        self.bench = Bench(folder)
        self.keys = VirtualKeys(vault or Vault(ENCRYPTION_KEY), lambda: self.now)
        self.secrets = ClientSecrets(self.bench.runtime, self.keys)
        self.take(virtual_key())

    def take(self, *keys: Any) -> None:  # noqa: ANN401 # entries of a snapshot
        """Take a configuration with these virtual keys."""
        table = compiled(snapshot([provider(1)], virtual_keys=list(keys)))
        self.bench.runtime.table = table
        self.keys.apply(first(table))

    async def mint(self, **spec: object) -> ClientSecret:
        """Make a secret."""
        caller = self.keys.identify(f"Bearer {VIRTUAL_KEY}")
        request = pb.CreateClientSecretRequest(
            secret=client_secret_spec_from_json({"session": SESSION, **spec})
        )
        context = CallerContext(caller, "req_1", "")
        return (await self.secrets.CreateClientSecret(request, context)).secret

    def holder(self, secret: str) -> ClientSecretHolder:
        """Return the holder of a secret."""
        found = self.secrets.identify(f"Bearer {secret}")
        assert isinstance(found, ClientSecretHolder)
        return found


@pytest.fixture
def worker(tmp_path: Path) -> Worker:
    """Return one of a Router's workers."""
    return Worker(tmp_path)


def start(model: str = "", **more: Any) -> pb.ConverseRequest:  # noqa: ANN401 # fields of it
    """Return the first message of a session."""
    return pb.ConverseRequest(start=pb.ConverseStart(model=model, **more))


async def nothing() -> AsyncIterator[pb.ConverseRequest]:
    """Say one event."""
    yield pb.ConverseRequest(json=b"{}")


async def test_a_secret_is_the_virtual_key_for_a_model(worker: Worker, tmp_path: Path) -> None:
    """At each worker, for ten minutes; the answer says what the session will be."""
    secret = await worker.mint()
    assert secret.value.startswith("ek_")
    assert secret.expires_at == 1600
    assert (secret.session.model, secret.session.instructions) == ("gpt", "Be brief")
    holder = Worker(tmp_path / "other").holder(secret.value)
    own = worker.keys.identify(f"Bearer {VIRTUAL_KEY}")
    assert (holder.virtual_key_id, holder.model) == (own.virtual_key_id, "gpt")


async def test_a_session_begins_with_its_settings(worker: Worker) -> None:
    """Before anything that the holder says; the model need not be named."""
    holder = worker.holder((await worker.mint()).value)
    begin = start()
    said = [message.json async for message in holder.hold(begin, nothing())]
    assert said == [
        b'{"type":"session.update","session":{"type":"realtime","instructions":"Be brief"}}',
        b"{}",
    ]
    assert begin.start.model == "gpt"


async def test_a_session_as_it_is_by_itself_has_no_settings(worker: Worker) -> None:
    """Nothing is sent that says nothing."""
    holder = worker.holder((await worker.mint(session={"model": "gpt"})).value)
    assert [message.json async for message in holder.hold(start("gpt"), nothing())] == [b"{}"]


@pytest.mark.parametrize("named", [{}, {"model": "gpt"}])
async def test_a_session_that_transcribes_names_who_does(
    worker: Worker, named: dict[str, str]
) -> None:
    """As OpenAI has it: the session's own model is none, and need not be named."""
    heard = {"audio": {"input": {"transcription": {"model": "gpt"}}}}
    asked = {"type": "transcription", **heard, **named}
    holder = worker.holder((await worker.mint(session=asked)).value)
    begin = start()
    settings, _ = [message.json async for message in holder.hold(begin, nothing())]
    assert (begin.start.model, begin.start.intent) == ("gpt", "transcription")
    assert orjson.loads(settings)["session"] == {"type": "transcription", **heard}


async def test_an_altered_secret_is_none(worker: Worker) -> None:
    """Wherever it is altered, and if it is of another encryption key."""
    value = (await worker.mint()).value
    draw = random.Random(1)  # noqa: S311 # chooses where to alter it
    for at in draw.sample(range(3, len(value)), 40):
        other = draw.choice([letter for letter in "AZaz09-_" if letter != value[at]])
        with pytest.raises(VirtualKeyInvalid):
            worker.holder(value[:at] + other + value[at + 1 :])
    for bad in ("ek_", "ek_x", "ek_" + "A" * 7000, value + "A", value[:-1], "ek_\xe9"):
        with pytest.raises(VirtualKeyInvalid) as refused:
            worker.holder(bad)
        assert value[3:] not in str(refused.value)


async def test_a_secret_of_another_installation_is_none(worker: Worker, tmp_path: Path) -> None:
    """Even where its virtual keys have the same hashes as ours."""
    value = (await worker.mint()).value
    other = Worker(tmp_path / "other")
    other.keys.vault = Vault(bytes(32))
    with pytest.raises(VirtualKeyInvalid):
        other.holder(value)


async def test_a_secret_ends_in_time(worker: Worker) -> None:
    """At its second, not after it."""
    value = (await worker.mint(expires_after={"anchor": "created_at", "seconds": 10})).value
    worker.now = 1009.9
    worker.holder(value)
    worker.now = 1010.0
    with pytest.raises(VirtualKeyInvalid, match="expired"):
        worker.holder(value)


@pytest.mark.parametrize(
    ("keys", "error"),
    [
        ([], VirtualKeyInvalid),
        ([virtual_key("condt_new")], VirtualKeyInvalid),
        ([virtual_key(is_enabled=False)], VirtualKeyDisabled),
        ([virtual_key(expires_at=Timestamp(seconds=999))], VirtualKeyDisabled),
    ],
    ids=["deleted", "replaced", "disabled", "expired"],
)
async def test_a_secret_ends_with_its_virtual_key(
    worker: Worker, keys: list[Any], error: type[ConduitError]
) -> None:
    """At once, also if another key has its number."""
    value = (await worker.mint()).value
    worker.take(*keys)
    with pytest.raises(error):
        worker.holder(value)


async def test_a_secret_waits_for_the_configuration(tmp_path: Path) -> None:
    """That it is not known yet is not its fault."""
    worker = Worker(tmp_path)
    value = (await worker.mint()).value
    fresh = ClientSecrets(worker.bench.runtime, VirtualKeys(worker.keys.vault, lambda: 1000.0))
    with pytest.raises(ServiceUnavailable):
        fresh.identify(f"Bearer {value}")


async def test_a_secret_is_no_virtual_key(worker: Worker) -> None:
    """What knows virtual keys alone says what it is."""
    value = (await worker.mint()).value
    with pytest.raises(VirtualKeyInvalid, match="nothing else"):
        worker.keys.identify(f"Bearer {value}")


@pytest.mark.parametrize(
    ("first_message", "error"),
    [
        (start("echo"), ModelNotAllowed),
        (start(options=CallOptions(fallbacks=["echo"])), ModelNotAllowed),
        (start("gpt", options=CallOptions(fallbacks=["gpt", "echo"])), ModelNotAllowed),
        (start(protocol=pb.SESSION_PROTOCOL_LIVE), VirtualKeyInvalid),
    ],
    ids=["model", "fallback", "second fallback", "live"],
)
async def test_a_secret_is_for_its_model_and_realtime_sessions(
    worker: Worker, first_message: pb.ConverseRequest, error: type[ConduitError]
) -> None:
    """Whatever else its virtual key may use."""
    holder = worker.holder((await worker.mint()).value)
    with pytest.raises(error):
        holder.hold(first_message, nothing())


async def test_virtual_keys_are_known_beside_secrets(worker: Worker) -> None:
    """Who holds a session with one is asked nothing more."""
    authorization = f"Bearer {VIRTUAL_KEY}"
    assert worker.secrets.identify(authorization) is worker.keys.identify(authorization)


@pytest.mark.parametrize(
    ("spec", "error"),
    [
        ({"expires_after": {"seconds": 9}}, InvalidRequest),
        ({"expires_after": {"seconds": 7201}}, InvalidRequest),
        ({"expires_after": {"anchor": "last_used"}}, InvalidRequest),
        ({"session": {}}, InvalidRequest),
        ({"session": {"model": "gpt", "type": "live"}}, InvalidRequest),
        ({"session": {"model": "gpt-9"}}, ModelNotFound),
    ],
)
async def test_what_makes_no_sense_gets_no_secret(
    worker: Worker, spec: dict[str, object], error: type[ConduitError]
) -> None:
    """And an error that says which member it is."""
    with pytest.raises(error) as refused:
        await worker.mint(**spec)
    if error is InvalidRequest:
        assert refused.value.metadata["field"]


@pytest.mark.parametrize("seconds", [10, 7200])
async def test_the_bounds_of_its_time_are_allowed(worker: Worker, seconds: int) -> None:
    """Both of them."""
    assert (await worker.mint(expires_after={"seconds": seconds})).expires_at == 1000 + seconds


@pytest.mark.parametrize(
    ("allowed", "session"),
    [(["echo"], SESSION), (["gpt"], SESSION | WRITTEN)],
    ids=["model", "transcriber"],
)
async def test_a_secret_is_for_models_that_the_key_may_use(
    worker: Worker, allowed: list[str], session: dict[str, object]
) -> None:
    """Those of its settings too."""
    worker.take(virtual_key(allowed_models=allowed))
    with pytest.raises(ModelNotAllowed):
        await worker.mint(session=session)


async def test_a_session_too_long_for_a_header_is_refused(worker: Worker) -> None:
    """Rather than a secret with which no session could begin."""
    draw = random.Random(2)  # noqa: S311 # makes words that do not compress

    def words(count: int) -> str:
        return "".join(draw.choices("abcdefghijklmnop", k=count))

    assert len((await worker.mint(session=SESSION | {"instructions": words(6000)})).value) < 6100
    with pytest.raises(InvalidRequest, match="too long"):
        await worker.mint(session=SESSION | {"instructions": words(12_000)})
