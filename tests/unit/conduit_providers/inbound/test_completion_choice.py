"""Which providers get completions as they are."""

from typing import Any

import orjson
import pytest
from tests.support.replays import CATALOG

from conduit_providers.calls import Call
from conduit_providers.codecs import codec_named
from conduit_providers.codecs.openai.completion import OpenAICompletionCodec
from conduit_providers.inbound.completion_choice import chosen_codec, passes_completions
from conduit_providers.inbound.completion_filling import FillingCompletionCodec
from conduit_providers.inbound.completion_form import completion_request
from conduit_providers.inbound.translating_codecs import TranslatingCodec
from conduit_providers.target import Target
from conduit_providers.wire import HttpResponse

CHATS = {s.name: s.endpoints["chat"] for s in CATALOG.specs if "chat" in s.endpoints}
CHAT = {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
TEXT = {"index": 0, "text": "hi", "finish_reason": "stop"}


def call_of(model: str) -> Call[Any]:
    """Return a call."""
    form = completion_request(json=b'{"model":"m","prompt":"a"}')
    return Call(form, alias="m", model=model, provider="P")


def chosen(kind: str) -> Any:  # noqa: ANN401 # of either kind
    """Return the codec of a provider type."""
    return chosen_codec(CHATS[kind], codec_named(CHATS[kind].codec))


def test_who_completes_texts_gets_them() -> None:
    """By the catalog; all others are asked in chats."""
    passing = {kind for kind in CHATS if isinstance(chosen(kind), OpenAICompletionCodec)}
    assert passing == {"vLLM", "Ollama", "Fireworks"}
    mixed = {"OpenAI", "DeepSeek"}
    filling = {kind for kind in CHATS if isinstance(chosen(kind), FillingCompletionCodec)}
    assert filling == {"Mistral"}
    others = CHATS.keys() - passing - mixed - filling
    assert all(isinstance(chosen(kind), TranslatingCodec) for kind in others)


@pytest.mark.parametrize(
    ("kind", "model", "path"),
    [
        ("OpenAI", "gpt-3.5-turbo-instruct", "/completions"),
        ("OpenAI", "davinci-002", "/completions"),
        ("OpenAI", "ft:babbage-002:us::1", "/completions"),
        ("OpenAI", "gpt-6", "/chat/completions"),
        ("DeepSeek", "deepseek-chat", "/beta/completions"),
        ("DeepSeek", "deepseek-reasoner", "/chat/completions"),
        ("Ollama", "qwen3", "/v1/completions"),
        ("Groq", "llama", "/chat/completions"),
    ],
)
def test_models_decide_where_not_all_complete(kind: str, model: str, path: str) -> None:
    """Chat models are refused by the older route, and older models by that of chats."""
    codec, endpoint, call = chosen(kind), CHATS[kind], call_of(model)
    request = codec.to_upstream(call, endpoint, Target("P", kind, "https://x"))
    assert request.path == path
    choice = CHAT if passes_completions(endpoint, model) is False else TEXT
    whole = {"id": "1", "object": "o", "created": 1, "model": model, "choices": [choice]}
    answer = codec.from_upstream(HttpResponse(200, {}, orjson.dumps(whole)), call, endpoint)
    assert answer.typed.choices[0].text == "hi"
    assert codec.decoder(call, endpoint).done is False
