"""Wire cases of chats, replayed for a caller who speaks OpenAI's older completions."""

from typing import Any

import orjson
from openai.types import Completion
from tests.support.replays import Replay, data_in

from conduit_providers.calls import Call
from conduit_providers.codecs import codec_named
from conduit_providers.inbound.chat_terms import terms_of
from conduit_providers.inbound.completion_dialect import completion_codec
from conduit_providers.inbound.completion_form import CompletionForm, completion_request
from conduit_providers.inbound.completion_to_chat import TranslatedCompletion

Json = dict[str, Any]

ASKED: Json = {"prompt": "Hello"}


def completion_call(replay: Replay, asked: Json) -> Call[Any]:
    """Return the call of a completion to the provider of a chat."""
    stream = replay.fresh_call().stream
    body = {"model": "my-alias", **asked, **({"stream": True} if stream else {})}
    return Call(
        completion_request(json=orjson.dumps(body)),
        alias="my-alias",
        model=replay.asked.model,
        stream=stream,
        include_usage=True,
        fetched=replay.asked.fetched,
        provider=replay.target.provider_name,
        created=1795435200,
    )


def completion_in(replay: Replay, asked: Json | None = None, cut: int = 0) -> Json:
    """Return the completion that a caller gets, as OpenAI's SDK reads it.

    A stream is cut into pieces of `cut` bytes, where that is not zero.
    """
    call = completion_call(replay, asked or ASKED)
    if asked is None:
        form = call.request
        assert isinstance(form, CompletionForm)
        # By which some answers are read.
        recorded = TranslatedCompletion(replay.fresh_call().request, "Hello", ())
        form.put_chat(terms_of(replay.endpoint, replay.asked.model), recorded)
    codec = completion_codec(codec_named(replay.endpoint.codec))
    if not call.stream:
        answer = codec.from_upstream(replay.response, call, replay.endpoint)
        whole: Json = orjson.loads(answer.json)
        assert len(answer.typed.choices) == len(whole["choices"])
        Completion.model_validate(whole)
        return whole
    call.answer_headers = replay.response.headers
    return added_up(pieces_of(codec.decoder(call, replay.endpoint), replay.response.body, cut))


def pieces_of(decoder: Any, body: bytes, cut: int = 0) -> list[Json]:  # noqa: ANN401 # of any dialect
    """Return the pieces that a decoder makes of a stream, which are completions themselves."""
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
    """Return the whole of pieces, which have one head, and each choice one end."""
    whole: Json = {**pieces[0], "choices": []}
    choices: dict[int, Json] = {}
    for piece in pieces:
        assert (piece["id"], piece["object"]) == (whole["id"], "text_completion")
        for choice in piece["choices"]:
            known = choices.setdefault(choice["index"], {**choice, "text": ""})
            assert known["finish_reason"] is None or not known["text"]
            known["text"] += choice["text"]
            known["finish_reason"] = choice["finish_reason"]
        if piece.get("usage"):
            whole["usage"] = piece["usage"]
    whole["choices"] = [choices[index] for index in sorted(choices)]
    return whole
