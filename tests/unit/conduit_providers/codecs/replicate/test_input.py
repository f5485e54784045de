"""Chats as the inputs of models on Replicate."""

from typing import Any

import orjson
import pytest

from conduit_kernel.errors import InvalidRequest, UnsupportedCapability
from conduit_providers.calls import Call
from conduit_providers.codecs.replicate.input import ModelInput, limit_of
from conduit_providers.codecs.replicate.options import ChatModel
from conduit_providers.operations.chat import ChatCall, chat_request

Json = dict[str, Any]
USER: Json = {"role": "user", "content": "x"}
PICTURE: Json = {"type": "image_url", "image_url": {"url": "https://a.example/1"}}


def call(*messages: Json, **members: object) -> ChatCall:
    """Return a call."""
    raw = orjson.dumps({"model": "a", "messages": list(messages), **members})
    return Call(chat_request(json=raw), alias="a", model="acme/llm")


def built(
    *messages: Json, model: ChatModel | None = None, **members: object
) -> tuple[Json, list[str]]:
    """Return an input, and what was dropped."""
    made = call(*(messages or (USER,)), **members)
    return ModelInput(made, model or ChatModel(), "P").build(), made.dropped


SYSTEM: Json = {"role": "system", "content": "Be brief."}
TALK = (SYSTEM, USER, {"role": "assistant", "content": "y"}, {"role": "user", "content": "z"})


def test_one_turn_is_the_prompt_as_it_stands() -> None:
    """Instructions stand apart, under the maker's name for them."""
    assert built(SYSTEM, USER)[0] == {"prompt": "x", "system_prompt": "Be brief."}
    assert built(SYSTEM, USER, model=ChatModel(system="sys"))[0]["sys"] == "Be brief."
    assert built(SYSTEM, {"role": "developer", "content": "Be kind."}, USER)[0] == {
        "prompt": "x",
        "system_prompt": "Be brief.\n\nBe kind.",
    }


def test_longer_conversations_are_messages_or_a_transcript() -> None:
    """At whose end the assistant is to speak."""
    assert built(*TALK)[0] == {
        "prompt": "User: x\n\nAssistant: y\n\nUser: z\n\nAssistant:",
        "system_prompt": "Be brief.",
    }
    said = built(*TALK, model=ChatModel(takes_messages=True))[0]["messages"]
    assert [(each["role"], each["content"]) for each in said] == [
        ("system", "Be brief."),
        ("user", "x"),
        ("assistant", "y"),
        ("user", "z"),
    ]
    assert "prompt" in built({"role": "assistant", "content": "y"})[0]


def test_a_conversation_without_turns_is_refused() -> None:
    """Instructions are none."""
    with pytest.raises(InvalidRequest, match="at least one turn"):
        built(SYSTEM)


def test_pictures_go_by_their_addresses() -> None:
    """One at most, unless the model takes more."""
    one = {"role": "user", "content": [{"type": "text", "text": "x"}, PICTURE]}
    two = {"role": "user", "content": [PICTURE, PICTURE]}
    assert built(one)[0] == {"prompt": "x", "image": "https://a.example/1"}
    assert len(built(two, model=ChatModel(images="images"))[0]["images"]) == 2
    with pytest.raises(InvalidRequest, match="takes one picture at most"):
        built(two)
    talk = built(one, *TALK[2:], model=ChatModel(takes_messages=True))[0]
    assert "messages" not in talk


@pytest.mark.parametrize(
    ("model", "members", "found", "dropped"),
    [
        (ChatModel(), {"max_tokens": 5}, {"max_tokens": 5}, []),
        (ChatModel(limit="n"), {"max_completion_tokens": 5}, {"n": 5}, []),
        (ChatModel(least_limit=9), {"max_tokens": 5}, {}, ["max_tokens"]),
        (ChatModel(), {"temperature": 0.0, "seed": 7}, {"temperature": 0.0, "seed": 7}, []),
        (ChatModel(parameters=()), {"seed": 7, "presence_penalty": 0}, {}, ["seed"]),
        (ChatModel(), {"stop": ["a", "b"]}, {"stop_sequences": "a,b"}, []),
        (ChatModel(), {"stop": ["a,b"]}, {}, ["stop"]),
        (ChatModel(stop=""), {"stop": ["a"]}, {}, ["stop"]),
        (ChatModel(), {"n": 2, "user": "u", "logprobs": True}, {}, ["logprobs", "user", "n"]),
        (ChatModel(), {"top_k": 4, "prompt": "own", "none": None}, {"top_k": 4, "prompt": "own"},
         []),
    ],
)  # fmt: skip
def test_parameters_have_the_makers_names(
    model: ChatModel, members: Json, found: Json, dropped: list[str]
) -> None:
    """What a model lacks is told; a model's own inputs pass as they are, and go before ours."""
    given, told = built(model=model, **members)
    assert ({k: v for k, v in given.items() if k != "prompt" or v != "x"}, told) == (found, dropped)


@pytest.mark.parametrize(
    ("members", "limit"),
    [({}, 0), ({"max_tokens": 9}, 9), ({"max_tokens": 8}, 0),
     ({"max_tokens": 9, "max_completion_tokens": 20}, 20)],
)  # fmt: skip
def test_a_limit_that_the_model_would_refuse_is_none(members: Json, limit: int) -> None:
    """The newer name counts."""
    assert limit_of(call(USER, **members), ChatModel(least_limit=9)) == limit


@pytest.mark.parametrize(
    ("messages", "members"),
    [
        ((USER,), {"tools": [{"type": "function", "function": {"name": "f"}}]}),
        ((USER,), {"response_format": {"type": "json_object"}}),
        ((USER,), {"modalities": ["audio"]}),
        (({"role": "tool", "tool_call_id": "t", "content": "x"},), {}),
        (({"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]},), {}),
    ],
)
def test_what_no_model_here_can_do_is_refused(messages: tuple[Json, ...], members: Json) -> None:
    """Another candidate may."""
    with pytest.raises(UnsupportedCapability, match="text only"):
        built(*messages, **members)


def test_thoughts_names_and_marks_are_told() -> None:
    """A refusal is words."""
    turn = {"role": "assistant", "content": None, "refusal": "No.", "reasoning_content": "hm",
            "name": "n", "cache_control": {"type": "ephemeral"}}  # fmt: skip
    given, told = built(USER, turn, USER)
    assert "Assistant: No." in given["prompt"]
    assert told == ["messages.name", "messages.reasoning_content", "messages.cache_control"]
