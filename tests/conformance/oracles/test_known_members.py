"""The newest SDKs as oracles of members: none that their types have is left out of a request.

Of dialects that are translated; what OpenAI has is in test_new_parameters.py, and its dialect's
servers and Mistral get what they know of it as it comes.
"""

import inspect
from collections.abc import Iterable
from typing import get_type_hints

import cohere
import pytest
from anthropic.types.beta.message_create_params import MessageCreateParamsBase as BetaMessage
from anthropic.types.message_create_params import MessageCreateParamsBase as Message
from google.genai import types
from perplexity.generated.api import ResponsesRequestInput
from pydantic import BaseModel

from conduit_providers.codecs.anthropic import betas
from conduit_providers.codecs.anthropic import request as anthropic
from conduit_providers.codecs.cohere import request as cohere_request
from conduit_providers.codecs.gemini import request as gemini
from conduit_providers.codecs.gemini import tools as gemini_tools
from conduit_providers.codecs.perplexity import request as perplexity

# What is made of OpenAI's words, by dialect.
ANTHROPICS = {
    *("model", "messages", "system", "max_tokens", "metadata", "stop_sequences", "temperature"),
    *("top_p", "tools", "tool_choice", "service_tier"),
}
# They go into headers.
ANTHROPICS_HEADERS = {"betas", "user_profile_id", "workspace_id"}
GEMINIS = {
    *("candidateCount", "frequencyPenalty", "logprobs", "maxOutputTokens", "presencePenalty"),
    *("responseJsonSchema", "responseLogprobs", "responseMimeType", "seed", "stopSequences"),
    *("temperature", "topP"),
    # The older form of `responseJsonSchema`.
    "responseSchema",
}
COHERES = {
    *("model", "messages", "tools", "tool_choice", "response_format", "max_tokens"),
    *("stop_sequences", "temperature", "seed", "frequency_penalty", "presence_penalty", "p"),
    *("logprobs", "stream"),
}
PERPLEXITYS = {
    *("model", "input", "stream", "tools", "tool_choice", "response_format", "temperature"),
    *("top_p", "max_output_tokens", "store", "service_tier"),
    # Such an answer has to be fetched.
    "background",
}


def spelled(model: type[BaseModel]) -> set[str]:
    """Return the members of a type as they are sent."""
    return {field.alias or name for name, field in model.model_fields.items()}


def parameters(function: object) -> set[str]:
    """Return the parameters of an SDK's method but for those of the SDK."""
    assert callable(function)
    return set(inspect.signature(function).parameters) - {"self", "request_options"}


CASES: list[tuple[str, set[str], Iterable[str]]] = [
    (
        "Anthropic",
        get_type_hints(Message).keys() | get_type_hints(BetaMessage).keys(),
        {*anthropic.NATIVE, *ANTHROPICS, *ANTHROPICS_HEADERS},
    ),
    ("Gemini", spelled(types.GenerationConfig), {*gemini.NATIVE_CONFIG, *GEMINIS}),
    ("Gemini's tools", spelled(types.Tool), {*gemini_tools.NATIVE, "functionDeclarations"}),
    ("Cohere", parameters(cohere.ClientV2.chat_stream), {*cohere_request.NATIVE, *COHERES}),
    ("Perplexity", spelled(ResponsesRequestInput), {*perplexity.NATIVE, *PERPLEXITYS}),
]


@pytest.mark.parametrize(("name", "members", "known"), CASES, ids=[name for name, *_ in CASES])
def test_every_member_of_the_sdk_is_known(
    name: str, members: set[str], known: Iterable[str]
) -> None:
    """One that a newer SDK has is to be made of OpenAI's words, or passed on as it is."""
    assert len(members) > 5, name
    assert members <= set(known)


def test_members_of_betas_name_them() -> None:
    """What only the types of betas have is refused without its beta."""
    of_betas = get_type_hints(BetaMessage).keys() - get_type_hints(Message).keys()
    # Which one the context needs, its edits say; of billing no beta is named.
    unnamed = {"betas", "context_management", "billing_policy"}
    assert of_betas - unnamed == betas._OF_MEMBERS.keys()  # noqa: SLF001 # the table itself
