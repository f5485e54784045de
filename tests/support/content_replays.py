"""Wire cases of chats, replayed for a caller who speaks Google's generateContent."""

from copy import deepcopy
from typing import Any

import orjson
from google.genai.types import GenerateContentResponse
from tests.support.replays import Replay, data_in

from conduit_providers.calls import Call
from conduit_providers.codecs import codec_named
from conduit_providers.inbound.chat_terms import terms_of
from conduit_providers.inbound.content_dialect import content_codec
from conduit_providers.inbound.content_form import ContentForm, content_request
from conduit_providers.inbound.content_to_chat import TranslatedContent
from conduit_providers.inbound.tool_names import ToolNames

Json = dict[str, Any]

ASKED: Json = {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}


def content_call(replay: Replay, asked: Json) -> Call[Any]:
    """Return the call of content to the provider of a chat."""
    return Call(
        content_request(json=orjson.dumps({"model": "my-alias", **asked})),
        alias="my-alias",
        model=replay.asked.model,
        stream=replay.fresh_call().stream,
        fetched=replay.asked.fetched,
        provider=replay.target.provider_name,
        created=1795435200,
        dropped=[],
    )


def content_in(replay: Replay, asked: Json | None = None, cut: int = 0) -> Json:
    """Return the answer that a caller gets, as Google's SDK reads it.

    A stream is cut into pieces of `cut` bytes, where that is not zero.
    """
    call = content_call(replay, asked or ASKED)
    if asked is None:
        form = call.request
        assert isinstance(form, ContentForm)
        # By which some answers are read.
        recorded = TranslatedContent(replay.fresh_call().request, ToolNames(()), ())
        form.put_chat(terms_of(replay.endpoint, replay.asked.model), recorded)
    codec = content_codec(codec_named(replay.endpoint.codec))
    if not call.stream:
        answer = codec.from_upstream(replay.response, call, replay.endpoint)
        whole: Json = orjson.loads(answer.json)
        assert answer.typed.candidates_json
        pieces = [whole]
    else:
        call.answer_headers = replay.response.headers
        decoder = codec.decoder(call, replay.endpoint)
        pieces = pieces_of(decoder, replay.response.body, cut)
    for piece in pieces:
        GenerateContentResponse._from_response(response=deepcopy(piece), kwargs={})  # noqa: SLF001 # as it reads them
    return added_up(pieces)


def pieces_of(decoder: Any, body: bytes, cut: int = 0) -> list[Json]:  # noqa: ANN401 # of any dialect
    """Return the pieces that a decoder makes of a stream."""
    size = cut or len(body)
    found: list[Json] = []
    for start in range(0, len(body), size):
        if not decoder.done:
            events = decoder.feed(body[start : start + size])
            found += data_in(events.sse) if events else []
    if not decoder.done:
        events = decoder.close()
        found += data_in(events.sse) if events else []
    return found


def added_up(pieces: list[Json]) -> Json:
    """Return the parts of the first candidate, why it stopped, and the counts."""
    parts: list[Json] = []
    reason = ""
    for piece in pieces:
        for candidate in piece["candidates"]:
            if not candidate["index"]:
                assert candidate["content"]["role"] == "model"
                parts += candidate["content"]["parts"]
                reason = candidate.get("finishReason", reason)
    return {"parts": parts, "reason": reason, "usage": pieces[-1]["usageMetadata"]}


def words_in(content: Json) -> str:
    """Return what was said."""
    return "".join(p.get("text", "") for p in content["parts"] if not p.get("thought"))


def thoughts_in(content: Json) -> str:
    """Return what was thought, as far as it is told."""
    return "".join(p.get("text", "") for p in content["parts"] if p.get("thought"))


def calls_in(content: Json) -> list[Json]:
    """Return the calls of an answer."""
    return [part["functionCall"] for part in content["parts"] if "functionCall" in part]
