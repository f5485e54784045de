"""Client secrets: with one, a browser holds realtime sessions in a virtual key's name.

A secret says all that there is to know of it, sealed with a key that is derived from the encryption
key: every worker takes it, also after a restart, and none keeps it. It names its virtual key by
that one's hash, so that it ends when the virtual key is disabled, deleted or replaced.
"""

import zlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import msgspec

from conduit.v1 import converse_requests_pb2 as pb
from conduit.v1.client_secret_pb2 import ClientSecret, ClientSecretExpiry
from conduit.v1.realtime_session_json import realtime_session_from_json, realtime_session_to_json
from conduit.v1.realtime_session_pb2 import RealtimeSession
from conduit_kernel.errors import InvalidRequest, ModelNotAllowed, VirtualKeyInvalid
from conduit_kernel.limits import number_of
from conduit_providers.calls import Form
from conduit_providers.session_models import models_in
from conduit_providers.transcription_intent import TRANSCRIPTION
from conduit_router.calls.runtime import CallRuntime
from conduit_router.context import CallerContext
from conduit_router.routing.decide import route_of
from conduit_router.routing.table import Caller
from conduit_router.virtual_keys import EPHEMERAL_PREFIX, VirtualKeys, check_model

DEFAULT_SECONDS = 600
# Secrets are header fields, of which many servers and clients take no more than 8,192 bytes.
MAX_CHARACTERS = 6000
_KINDS = ("realtime", TRANSCRIPTION)
_BEARER = "bearer"


class _Grant(msgspec.Struct, array_like=True):
    """The content of a secret."""

    key_hash: bytes
    # In seconds since 1970.
    expires_at: int
    model: str
    # The event that the session begins with, compressed; empty for none.
    settings: bytes
    # Whether the session only writes down what is said. Older secrets do not say it.
    transcribes: bool = False


_write_grant = msgspec.msgpack.Encoder().encode
_read_grant = msgspec.msgpack.Decoder(_Grant).decode


class ClientSecretHolder(Caller, frozen=True, eq=False, gc=False, kw_only=True):
    """The caller of a session by a client secret: the virtual key, held to a model."""

    model: str
    # The event that the session begins with; empty for none.
    settings: bytes
    # Whether it only writes down what is said.
    transcribes: bool = False

    def hold(
        self, first: pb.ConverseRequest, said: AsyncIterator[pb.ConverseRequest]
    ) -> AsyncIterator[pb.ConverseRequest]:
        """Fill in the start of a session; return what is said in it, with the settings before.

        VirtualKeyInvalid for a live session, ModelNotAllowed for another model.
        """
        if first.WhichOneof("message") != "start":
            return said
        start = first.start
        if start.protocol == pb.SESSION_PROTOCOL_LIVE:
            message = "A client secret holds realtime sessions, and no live ones"
            raise VirtualKeyInvalid(message, header="Authorization")
        for name in (start.model or self.model, *start.options.fallbacks):
            if name != self.model:
                message = f"This client secret is for the model {self.model!r} alone"
                raise ModelNotAllowed(message, model=name)
        start.model = self.model
        if self.transcribes:
            start.intent = TRANSCRIPTION
        return _preceded(pb.ConverseRequest(json=self.settings), said) if self.settings else said


class ClientSecrets:
    """Makes client secrets, and knows who holds one."""

    def __init__(self, runtime: CallRuntime, virtual_keys: VirtualKeys) -> None:
        """Take which models there are, and whose secrets they are."""
        self._runtime = runtime
        self._virtual_keys = virtual_keys

    async def CreateClientSecret(
        self, request: pb.CreateClientSecretRequest, caller: CallerContext
    ) -> pb.CreateClientSecretResponse:
        """Make a secret for one of the models that the caller may use."""
        seconds = _seconds(request.secret.expires_after)
        session = _session(request.secret.session)
        settings = _settings(session)
        transcribes = session.type == TRANSCRIPTION
        name = session.model or session.audio.input.transcription.model
        check_model(caller.caller, name)
        route_of(self._runtime.table.routes, name)
        for model in models_in(settings):
            check_model(caller.caller, model)
        expires_at = int(self._virtual_keys.clock()) + seconds
        packed = zlib.compress(settings) if settings else b""
        key_hash = self._virtual_keys.hash_of(caller.caller)
        value = self._seal(_Grant(key_hash, expires_at, name, packed, transcribes))
        secret = ClientSecret(value=value, expires_at=expires_at, session=session)
        return pb.CreateClientSecretResponse(secret=secret)

    def identify(self, authorization: str) -> Caller:
        """Return who holds a virtual key or client secret. A VIRTUAL_KEY error if nobody does."""
        scheme, _, secret = authorization.partition(" ")
        secret = secret.strip()
        if scheme.lower() != _BEARER or not secret.startswith(EPHEMERAL_PREFIX):
            return self._virtual_keys.identify(authorization)
        grant = self._open(secret)
        if grant.expires_at <= self._virtual_keys.clock():
            raise VirtualKeyInvalid("This client secret has expired", header="Authorization")
        caller = self._virtual_keys.caller_of(grant.key_hash)
        settings = zlib.decompress(grant.settings) if grant.settings else b""
        facts = msgspec.structs.asdict(caller)
        return ClientSecretHolder(
            **facts, model=grant.model, settings=settings, transcribes=grant.transcribes
        )

    def _seal(self, grant: _Grant) -> str:
        sealed = self._virtual_keys.vault.seal_client_secret(_write_grant(grant))
        if len(sealed) > MAX_CHARACTERS:
            message = "The session is too long for a client secret: its holder can send the rest"
            raise InvalidRequest(message, field="session")
        return EPHEMERAL_PREFIX + sealed

    def _open(self, secret: str) -> _Grant:
        sealed = secret.removeprefix(EPHEMERAL_PREFIX)
        vault = self._virtual_keys.vault
        content = vault.open_client_secret(sealed) if len(sealed) <= MAX_CHARACTERS else None
        if content is None:
            raise VirtualKeyInvalid("This client secret is unknown", header="Authorization")
        return _read_grant(content)


async def _preceded(
    first: pb.ConverseRequest, rest: AsyncIterator[pb.ConverseRequest]
) -> AsyncGenerator[pb.ConverseRequest, Any]:
    yield first
    async for message in rest:
        yield message


def _seconds(expiry: ClientSecretExpiry) -> int:
    if expiry.HasField("anchor") and expiry.anchor != "created_at":
        message = "expires_after.anchor can be created_at alone"
        raise InvalidRequest(message, field="expires_after.anchor")
    if not expiry.HasField("seconds"):
        return DEFAULT_SECONDS
    return number_of(expiry, "seconds", "expires_after")


def _session(asked: RealtimeSession) -> RealtimeSession:
    """Return a session as it will be. InvalidRequest if it cannot be one."""
    if asked.type not in ("", *_KINDS):
        message = f"session.type must be one of {', '.join(_KINDS)}"
        raise InvalidRequest(message, field="session.type")
    # A session that only transcribes has no other model.
    transcriber = asked.audio.input.transcription.model
    if not asked.model and not (asked.type == TRANSCRIPTION and transcriber):
        raise InvalidRequest("session.model is required", field="session.model")
    session = RealtimeSession()
    session.CopyFrom(asked)
    session.type = asked.type or _KINDS[0]
    # These a server says, of a session that there is.
    session.ClearField("id")
    session.ClearField("expires_at")
    return session


def _settings(session: RealtimeSession) -> bytes:
    """Return the event that makes a session this one; empty if it is so by itself."""
    said = RealtimeSession()
    said.CopyFrom(session)
    said.ClearField("model")
    if said == RealtimeSession(type=_KINDS[0]):
        return b""
    json = Form(realtime_session_from_json, realtime_session_to_json, None, said).json
    return b'{"type":"session.update","session":%b}' % json
