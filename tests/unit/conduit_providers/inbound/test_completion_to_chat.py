"""Texts to go on from, as chats."""

from typing import Any

import orjson
import pytest

from conduit_kernel.errors import InvalidRequest, UnsupportedCapability
from conduit_providers.inbound.chat_terms import ANY_TERMS
from conduit_providers.inbound.completion_form import completion_request
from conduit_providers.inbound.completion_to_chat import TranslatedCompletion

Json = dict[str, Any]


def translated(**members: object) -> TranslatedCompletion:
    """Return the chat of a request."""
    body = orjson.dumps({"model": "m", "prompt": "Once", **members})
    return completion_request(json=body).chat(ANY_TERMS)


def chat(**members: object) -> Json:
    """Return its members, less those that each has."""
    found: Json = orjson.loads(translated(**members).chat.json)
    return {name: value for name, value in found.items() if name not in {"model", "messages"}}


def said(prompt: object) -> tuple[str, tuple[str, ...]]:
    """Return what the user says for a prompt, and what is left out."""
    found = translated(prompt=prompt)
    messages = orjson.loads(found.chat.json)["messages"]
    assert [each["role"] for each in messages] == ["user"]
    assert found.prompt == messages[0]["content"]
    return found.prompt, found.dropped


def test_a_prompt_is_what_the_user_says() -> None:
    """Bare, alone in a list, or as tokens, which are told: their vocabulary is a guess."""
    assert said("Once upon") == ("Once upon", ())
    assert said(["Once upon"]) == ("Once upon", ())
    assert said([12805, 5304]) == ("Once upon", ("token_input",))
    assert said([[12805, 5304]]) == ("Once upon", ("token_input",))


def test_members_that_chats_have_stay() -> None:
    """By the same names; one stop is a list of one."""
    same: Json = {"max_tokens": 9, "temperature": 0.5, "top_p": 0.9, "n": 2, "seed": 7, "user": "u"}
    same |= {"presence_penalty": 0.25, "frequency_penalty": 0.5, "logit_bias": {"50256": -100.0}}
    same |= {"top_k": 40, "reasoning_effort": "low"}
    assert chat(**same) == same
    assert chat(stop="\n") == {"stop": ["\n"]}
    assert chat(stop=["a", "b"], stream=True) == {"stop": ["a", "b"], "stream": True}


def test_no_limit_is_made_up() -> None:
    """OpenAI's older models stop at 16 tokens; chats have no such habit."""
    assert chat() == {}


@pytest.mark.parametrize(
    ("logprobs", "asked"),
    [(0, {"logprobs": True}), (3, {"logprobs": True, "top_logprobs": 3}), (None, {})],
)
def test_log_probabilities_are_asked_for_in_the_chats_words(
    logprobs: int | None, asked: Json
) -> None:
    """Zero asks for those of the chosen tokens."""
    assert chat(logprobs=logprobs) == asked


def test_what_chats_lack_is_told() -> None:
    """Only what asks for something."""
    assert translated(best_of=3, n=2, ignore_eos=True, use_beam_search=False).dropped == (
        "best_of",
        "ignore_eos",
    )
    assert translated(best_of=1, session_id="s").dropped == ()


@pytest.mark.parametrize(
    ("members", "capability"),
    [
        ({"suffix": "the end"}, "suffix"),
        ({"echo": True, "logprobs": 1}, "prompt_logprobs"),
        ({"prompt": ["a", "b"]}, "several_prompts"),
    ],
)
def test_what_would_make_the_answer_useless_is_refused(members: Json, capability: str) -> None:
    """Another candidate may know how."""
    with pytest.raises(UnsupportedCapability) as refused:
        translated(**members)
    assert refused.value.metadata["capability"] == capability


@pytest.mark.parametrize("prompt", ["", "  ", [], [99_999_999]])
def test_prompts_that_say_nothing_are_refused(prompt: object) -> None:
    """Chats demand words."""
    with pytest.raises(InvalidRequest) as refused:
        translated(prompt=prompt)
    assert refused.value.metadata["field"] == "prompt"


def test_an_empty_suffix_is_none() -> None:
    """Editors send it at the end of a file."""
    assert chat(suffix="", echo=False) == {}
