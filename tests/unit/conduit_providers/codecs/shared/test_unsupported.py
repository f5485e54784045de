"""Members that a dialect does not take: told, unless they say nothing."""

from typing import Any

import orjson
import pytest

from conduit_providers.calls import Call
from conduit_providers.codecs.shared.unsupported import (
    asking,
    is_default,
    note_unsupported,
    untaken,
)
from conduit_providers.operations.chat import ChatCall, chat_request

Json = dict[str, Any]
PICTURE: Json = {"type": "image_url", "image_url": {"url": "u", "detail": "low", "a": 1}}


def call(message: Json, **members: object) -> ChatCall:
    """Return a call of one turn."""
    turn = {"role": "user", "content": "x", **message}
    raw = orjson.dumps({"model": "m", "messages": [turn], **members})
    return Call(chat_request(json=raw), alias="m", model="m")


def dropped(message: Json, *taken: str, **members: object) -> list[str]:
    """Return what is told of a call."""
    made = call(message, **members)
    note_unsupported(made, "P", taken)
    return made.dropped


@pytest.mark.parametrize(
    ("name", "value", "default"),
    [
        ("n", 1, True),
        ("n", 2, False),
        ("store", False, True),
        ("anything", None, True),
        ("anything", [], True),
        ("modalities", ["text"], True),
        ("modalities", ["text", "audio"], False),
        ("seed", 0, False),
        ("parallel_tool_calls", True, True),
        ("parallel_tool_calls", False, False),
    ],
)
def test_a_default_asks_for_nothing(name: str, value: object, *, default: bool) -> None:
    """Clients say what happens anyway."""
    assert is_default(name, value) is default


def test_zero_and_false_ask_for_nothing() -> None:
    """Of the parameters that a dialect names."""
    request = call({}, seed=0, logprobs=True, user="u", frequency_penalty=0).typed
    assert asking(request, ["seed", "logprobs", "user", "frequency_penalty"]) == [
        "logprobs",
        "user",
    ]


@pytest.mark.parametrize(
    ("message", "found"),
    [
        ({}, []),
        ({"mood": "good", "empty": {}, "none": None}, ["messages.mood"]),
        ({"annotations": [], "audio": None}, []),
        ({"annotations": [{}], "audio": {"id": "a"}}, ["messages.annotations", "messages.audio"]),
        ({"content": [{"type": "text", "text": "x", "mood": 1}]}, ["messages.mood"]),
        (
            {"content": [PICTURE]},
            ["messages.image_url.a", "messages.image_url.detail"],
        ),
        ({"content": [{"type": "image_url", "image_url": {"url": "u", "detail": "auto"}}]}, []),
        ({"content": [{"type": "file", "file": {"file_data": "d", "a": 1}}]}, ["messages.file.a"]),
        ({"content": [{"type": "video_url", "video_url": {"url": "u", "a": 1}}]},
         ["messages.video_url.a"]),
    ],
)  # fmt: skip
def test_members_of_messages_and_parts_are_told_by_their_place(
    message: Json, found: list[str]
) -> None:
    """What says nothing is not."""
    assert dropped(message) == found


def test_what_a_dialect_takes_is_not_told() -> None:
    """By the last name of its place."""
    part = {"type": "image_url", "image_url": {"url": "u", "detail": "low"}}
    assert dropped({"content": [part], "annotations": [{}]}, "detail", "annotations") == []


def test_tools_are_told_too() -> None:
    """Those that are no functions are refused elsewhere, or passed on whole."""
    function = {"name": "f", "mood": 1}
    tools = [{"type": "function", "function": function, "cache": {}, "level": 2}, {"type": "own"}]
    assert sorted(dropped({}, tools=tools)) == ["tools.level", "tools.mood"]
    assert dropped({}, "mood", "level", tools=tools) == []


def test_of_two_limits_the_older_name_gives_way() -> None:
    """Where they differ."""
    assert dropped({}, max_tokens=5, max_completion_tokens=7) == ["max_tokens"]
    assert dropped({}, max_tokens=7, max_completion_tokens=7) == []
    assert dropped({}, max_tokens=7) == []


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        ({"type": "tool_use", "id": "t"}, "tool_use"),
        ({"type": "video_url", "video_url": {"url": "u"}}, "video_url"),
        ({"type": "x" * 200}, "x" * 100),
        ({}, "unknown"),
    ],
)
def test_a_part_that_is_not_taken_is_named_as_its_caller_does(part: Json, kind: str) -> None:
    """Blocks of another API's among them, which are no parts of OpenAI's."""
    (turn,) = call({"content": [part]}).typed.messages
    assert str(untaken(turn.content[0], "P")) == f"P takes no content of type {kind}"
