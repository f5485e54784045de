"""The newest SDKs as oracles of words: what we send for an effort, their types know.

And of how many texts a request takes, where an SDK says so.
"""

import typing
from typing import Any

import cohere.config
import orjson
import pytest
from cerebras.cloud.sdk.types.chat.completion_create_params import (
    CompletionCreateParams as CerebrasParams,
)
from fireworks.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from groq.types.chat.completion_create_params import CompletionCreateParams as GroqParams
from mistralai.client.models.reasoningeffort import ReasoningEffort as MistralEffort
from openai.types.shared import ReasoningEffort as OpenAIEffort
from openrouter.components.chatrequest import ChatRequestReasoningEffort

from conduit.v1.provider_pb2 import Provider
from conduit_providers.calls import Call
from conduit_providers.catalog import load_catalog
from conduit_providers.codecs import codec_named
from conduit_providers.operations.chat import chat_request

CATALOG = load_catalog()


def words_in(hint: object) -> set[str]:
    """Return the words of a type, however deep they are in it."""
    if typing.get_origin(hint) is typing.Literal:
        return {word for word in typing.get_args(hint) if isinstance(word, str)}
    return set[str]().union(*(words_in(each) for each in typing.get_args(hint)))


def words_of(parameters: Any) -> set[str]:  # noqa: ANN401 # a typed dictionary
    """Return the words that a request's member takes."""
    return words_in(typing.get_type_hints(parameters)["reasoning_effort"])


ASKED = sorted(words_in(OpenAIEffort))
LEVELS = {"low", "medium", "high"}
# By type and model: what the SDK's types know, and of that what its documentation leaves the model.
KNOWN = [
    ("Groq", "openai/gpt-oss-120b", words_of(GroqParams) & LEVELS),
    ("Groq", "qwen/qwen3-32b", words_of(GroqParams) & {"none", "default"}),
    ("Groq", "another", words_of(GroqParams)),
    ("Cerebras", "gpt-oss-120b", words_of(CerebrasParams) & LEVELS),
    ("Cerebras", "another", words_of(CerebrasParams)),
    ("Fireworks", "gpt-oss-120b", words_of(CompletionCreateParamsNonStreaming) & LEVELS),
    ("Fireworks", "another", words_of(CompletionCreateParamsNonStreaming)),
    ("Mistral", "magistral-medium-latest", words_in(MistralEffort)),
    ("OpenRouter", "openai/gpt-5", words_in(ChatRequestReasoningEffort)),
]


@pytest.mark.parametrize("word", ASKED)
@pytest.mark.parametrize(("kind", "model", "known"), KNOWN)
def test_every_effort_of_openais_is_one_that_the_sdk_knows(
    kind: str, model: str, known: set[str], word: str
) -> None:
    """A caller who changes nothing but the alias is not refused for a word."""
    endpoint = CATALOG.find(kind).endpoints["chat"]
    target = CATALOG.target(Provider(name="P", provider_type=kind))
    raw = orjson.dumps({"model": "alias", "messages": [], "reasoning_effort": word})
    call = Call(chat_request(json=raw), alias="alias", model=model)
    sent = orjson.loads(codec_named(endpoint.codec).to_upstream(call, endpoint, target).body)
    assert sent["reasoning_effort"] in known
    if word in known:
        assert (sent["reasoning_effort"], call.dropped) == (word, [])


def test_cohere_takes_as_many_texts_as_its_sdk_sends() -> None:
    """The SDK's batches are as large as ours."""
    facts = CATALOG.find("Cohere").endpoints["embed"].facts_of("embed-v4.0")
    assert facts.max_inputs == cohere.config.embed_batch_size
