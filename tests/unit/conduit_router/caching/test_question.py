"""The last words of a user, in each dialect of callers, and all that they are asked with."""

from typing import Any

import pytest

from conduit_router.caching.question import MOST_CHARACTERS, Question, question_of

TURN = {"role": "user", "content": "hi"}
IMAGE = {"type": "image_url", "image_url": {"url": "https://a.example/1.png"}}


def of(served_as: str = "chat", **asked: Any) -> Question | None:  # noqa: ANN401 # any JSON
    """Return the question of a request."""
    return question_of(served_as, asked)


@pytest.mark.parametrize(
    ("served_as", "asked"),
    [
        ("chat", {"messages": [TURN]}),
        ("chat", {"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]}),
        ("message", {"messages": [TURN]}),
        ("response", {"input": "hi"}),
        ("response", {"input": [TURN]}),
        (
            "response",
            {"input": [{"role": "user", "content": [{"type": "input_text", "text": "hi"}]}]},
        ),
        ("content", {"contents": [{"parts": [{"text": "hi"}]}]}),
        ("content", {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
    ],
)
def test_every_dialect_of_chats_has_a_question(served_as: str, asked: dict[str, Any]) -> None:
    """Its text is not in what must be the same, and it itself is left as it was."""
    before = repr(asked)
    found = question_of(served_as, asked)
    assert found is not None
    assert found.text == "hi"
    assert "hi" not in repr(found.rest).replace("this", "")
    assert repr(asked) == before


def test_all_else_must_be_the_same() -> None:
    """The system prompt, former turns, pictures, and every parameter."""
    text = {"type": "text", "text": "hi"}
    requests: list[dict[str, Any]] = [
        {"messages": [TURN]},
        {"messages": [{"role": "system", "content": "s"}, TURN]},
        {"messages": [TURN, {"role": "assistant", "content": "a"}, TURN]},
        {"messages": [{"role": "user", "content": [text, IMAGE]}]},
        {"messages": [{"role": "user", "content": [IMAGE, text]}]},
        {"messages": [{"role": "user", "content": [text | {"cache_control": {}}]}]},
        {"messages": [TURN | {"name": "Ann"}]},
        {"messages": [TURN], "temperature": 1},
        {"messages": [TURN], "response_format": {"type": "json_object"}},
    ]
    found = [question_of("chat", each) for each in requests]
    assert all(each is not None and each.text == "hi" for each in found)
    assert len({repr(each.rest) for each in found if each is not None}) == len(requests)


def test_texts_of_one_turn_are_one_text() -> None:
    """In their order."""
    parts = [{"type": "text", "text": text} for text in "ab"]
    found = of(messages=[{"role": "user", "content": parts}])
    assert found is not None
    assert found.text == "a\nb"


@pytest.mark.parametrize(
    ("served_as", "asked"),
    [
        # What has tools may call one: no other question may cause that.
        ("chat", {"messages": [TURN], "tools": [{}]}),
        ("chat", {"messages": [TURN], "functions": [{}]}),
        ("chat", {"messages": [TURN], "web_search_options": {"a": 1}}),
        ("message", {"messages": [TURN], "tools": [{}]}),
        ("content", {"contents": [{"parts": [{"text": "hi"}]}], "tools": [{}]}),
        # The turn is a tool's result, or somebody else's.
        ("chat", {"messages": [TURN, {"role": "tool", "content": "hi"}]}),
        ("chat", {"messages": [{"role": "assistant", "content": "hi"}]}),
        ("chat", {"messages": [{"content": "hi"}]}),
        (
            "message",
            {"messages": [{"role": "user", "content": [{"type": "tool_result", "content": "hi"}]}]},
        ),
        ("response", {"input": [{"type": "function_call_output", "output": "hi"}]}),
        ("content", {"contents": [{"role": "model", "parts": [{"text": "hi"}]}]}),
        ("content", {"contents": [{"parts": [{"functionResponse": {}}, {"text": "hi"}]}]}),
        # Nothing is asked, or a document.
        ("chat", {"messages": [{"role": "user", "content": " \n"}]}),
        ("chat", {"messages": [{"role": "user", "content": "a" * (MOST_CHARACTERS + 1)}]}),
        ("chat", {"messages": [{"role": "user", "content": [IMAGE]}]}),
        # No chat, or none that can be read.
        ("completion", {"prompt": "hi"}),
        ("embed", {"input": "hi"}),
        ("chat", {"messages": []}),
        ("chat", {"messages": ["hi"]}),
        ("chat", {"messages": [{"role": "user", "content": 1}]}),
        ("chat", {"messages": [{"role": "user", "content": ["hi"]}]}),
        ("chat", {}),
    ],
)
def test_what_cannot_be_told_from_its_circumstances_has_none(
    served_as: str, asked: dict[str, Any]
) -> None:
    """Then only the same is the same."""
    assert question_of(served_as, asked) is None
