"""Sessions with providers whose protocol is not OpenAI's, without a socket."""

from collections.abc import Sequence
from typing import Any

import orjson
from tests.support.replays import CATALOG

from conduit.v1.provider_pb2 import Provider
from conduit.v1.realtime_client_event_json import (
    realtime_client_event_from_json,
    realtime_client_event_to_json,
)
from conduit_providers.calls import Call, Form
from conduit_providers.codecs import codec_named
from conduit_providers.operations.converse import realtime_opening
from conduit_providers.session_codec import SessionCodec, SessionEvent, SessionTranslator, Step


def translator(kind: str, model: str, **settings: str) -> SessionTranslator:
    """Return the translator of a session with a provider of a type."""
    provider = Provider(name="Lumen", provider_type=kind)
    provider.settings.update(settings)
    target = CATALOG.targets(provider)["converse"]
    endpoint = CATALOG.find(kind).endpoints["converse"]
    call = Call(realtime_opening("alias"), alias="alias", model=model, provider="Lumen")
    codec: SessionCodec[Any] = codec_named(endpoint.codec)
    return codec.translator(call, endpoint, target)


def said(kind: str, /, **members: object) -> SessionEvent:
    """Return a caller's event."""
    json = orjson.dumps({"type": kind, **members})
    return Form(realtime_client_event_from_json, realtime_client_event_to_json, json)


def kinds(steps: Sequence[Step]) -> list[str]:
    """Return the last words of the types of a caller's events."""
    found = [orjson.loads(step.json)["type"] for step in steps if isinstance(step, Form)]
    return [kind.rpartition(".")[2] for kind in found]
