"""Requests to Google's generateContent, as chats."""

from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from typing import Any

import orjson
import pytest

from conduit_kernel.errors import InvalidRequest, UnsupportedCapability
from conduit_providers.inbound.chat_terms import ANY_TERMS, ChatTerms
from conduit_providers.inbound.content_form import content_request
from conduit_providers.inbound.content_to_chat import TranslatedContent

Json = dict[str, Any]
OPENAI = ChatTerms(is_openai=True, takes_marks=False, takes_effort=False, most_stops=4)
HI: Json = {"role": "user", "parts": [{"text": "hi"}]}


def translated(terms: ChatTerms = ANY_TERMS, /, **members: Any) -> TranslatedContent:  # noqa: ANN401 # JSON
    """Return the chat of a request."""
    body = orjson.dumps({"model": "m", "contents": [HI], **members})
    return content_request(json=body).chat(terms)


def chat(**members: Any) -> Json:  # noqa: ANN401 # JSON
    """Return its members, less those that each has."""
    found: Json = orjson.loads(translated(**members).chat.json)
    return {name: value for name, value in found.items() if name not in {"model", "messages"}}


def messages(contents: object, **members: Any) -> Any:  # noqa: ANN401 # JSON
    """Return the messages that contents are."""
    return orjson.loads(translated(contents=contents, **members).chat.json)["messages"]


def test_turns_are_messages() -> None:
    """Instructions first; texts of one turn are one; a turn without a role is the user's."""
    turns = [
        {"parts": [{"text": "a"}, {"text": "b"}]},
        {"role": "model", "parts": [{"text": "t", "thought": True}, {"text": "c"}]},
    ]
    assert messages(turns, system_instruction={"parts": [{"text": "s"}]}) == [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "a\n\nb"},
        {"role": "assistant", "content": "c", "reasoning_content": "t"},
    ]


def test_calls_without_ids_are_answered_in_their_order() -> None:
    """By the function's name, as Google's older models have it."""
    called = [{"functionCall": {"name": "f", "args": {"n": n}}} for n in (1, 2)]
    answers = [{"functionResponse": {"name": "f", "response": {"r": n}}} for n in (1, 2)]
    found = messages([HI, {"role": "model", "parts": called}, {"role": "user", "parts": answers}])
    ids = [call["id"] for call in found[1]["tool_calls"]]
    assert len(set(ids)) == 2
    assert [(m["tool_call_id"], m["content"]) for m in found[2:]] == [
        (ids[0], '{"r":1}'),
        (ids[1], '{"r":2}'),
    ]


@pytest.mark.parametrize(
    ("part", "content"),
    [
        (
            {"inlineData": {"mimeType": "image/png", "data": "AA=="}},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
        ),
        (
            {"inline_data": {"mime_type": "audio/wav", "data": "AA=="}},
            {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
        ),
        (
            {"inlineData": {"mimeType": "application/pdf", "data": "AA=="}},
            {
                "type": "file",
                "file": {"filename": "document", "file_data": "data:application/pdf;base64,AA=="},
            },
        ),
        (
            {"fileData": {"mimeType": "image/png", "fileUri": "https://x/y.png"}},
            {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
        ),
    ],
)
def test_media_are_parts(part: Json, content: Json) -> None:
    """In both of Google's spellings."""
    assert messages([{"role": "user", "parts": [part]}])[0]["content"] == [content]


@pytest.mark.parametrize(
    ("contents", "kind"),
    [
        ([], InvalidRequest),
        ("hi there", None),
        ([{"role": "system", "parts": []}], InvalidRequest),
        ([{"role": "user", "parts": [1]}], InvalidRequest),
        ([{"role": "user", "parts": [{"functionResponse": {"name": "f"}}]}], InvalidRequest),
        ([{"role": "user", "parts": [{"newKind": {}}]}], UnsupportedCapability),
        ([{"role": "user", "parts": [{"fileData": {"fileUri": "x"}}]}], UnsupportedCapability),
        (
            [{"role": "user", "parts": [{"inlineData": {"mimeType": "audio/x"}}]}],
            UnsupportedCapability,
        ),
    ],
)
def test_what_is_no_conversation_is_refused(contents: object, kind: type[Exception] | None) -> None:
    """With what is wrong."""
    if kind is None:
        with pytest.raises(InvalidRequest):
            messages([contents, 1])
        return
    with pytest.raises(kind):
        messages(contents)


def test_sampling_and_limits_have_chats_names() -> None:
    """In both spellings; what asks for nothing is left out."""
    config: Json = {"temperature": 0, "top_p": 0.5, "maxOutputTokens": 9, "candidateCount": 2}
    config |= {"stopSequences": ["x"], "topK": 3, "responseLogprobs": True, "logprobs": 4}
    assert chat(generationConfig=config) == {
        "temperature": 0,
        "top_p": 0.5,
        "max_tokens": 9,
        "n": 2,
        "stop": ["x"],
        "top_k": 3,
        "logprobs": True,
        "top_logprobs": 4,
    }


@pytest.mark.parametrize(
    ("thinking", "effort"),
    [
        ({"thinkingLevel": "HIGH"}, "high"),
        ({"thinkingBudget": 0}, "none"),
        ({"thinkingBudget": 1000}, "low"),
        ({"thinking_budget": 8000}, "medium"),
        ({"thinkingBudget": 30000, "includeThoughts": True}, "high"),
        ({"thinkingBudget": -1}, None),
        ({"includeThoughts": True}, None),
    ],
)
def test_thinking_is_effort(thinking: Json, effort: str | None) -> None:
    """Where the model knows any; else it is told."""
    config = {"thinkingConfig": thinking}
    assert chat(generationConfig=config).get("reasoning_effort") == effort
    dropped = translated(OPENAI, generationConfig=config).dropped
    assert dropped == (("generationConfig.thinkingConfig",) if effort else ())


def test_schemas_are_of_json() -> None:
    """OpenAPI's types are large, and null is no type of theirs."""
    schema = {
        "type": "OBJECT",
        "properties": {"a": {"type": "STRING", "nullable": True}, "type": {"type": "INTEGER"}},
        "propertyOrdering": ["a"],
    }
    config = {"responseMimeType": "application/json", "responseSchema": schema}
    found = chat(generationConfig=config)["response_format"]["json_schema"]["schema"]
    assert found == {
        "type": "object",
        "properties": {"a": {"type": ["string", "null"]}, "type": {"type": "integer"}},
    }
    assert chat(generationConfig={"responseMimeType": "application/json"}) == {
        "response_format": {"type": "json_object"}
    }


TOOLS = [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT"}}]}]


@pytest.mark.parametrize(
    ("calling", "choice"),
    [
        ({"mode": "AUTO"}, "auto"),
        ({"mode": "ANY"}, "required"),
        ({"mode": "NONE"}, "none"),
        (
            {"mode": "ANY", "allowedFunctionNames": ["f"]},
            {"type": "function", "function": {"name": "f"}},
        ),
    ],
)
def test_choices_of_functions(calling: Json, choice: object) -> None:
    """In chats' words."""
    found = chat(tools=TOOLS, toolConfig={"functionCallingConfig": calling})
    assert found["tool_choice"] == choice
    assert found["tools"][0]["function"]["parameters"] == {"type": "object"}


def test_what_only_google_has_is_told() -> None:
    """Its own tools, and what its machinery is asked for."""
    found = translated(
        OPENAI,
        tools=[*TOOLS, {"googleSearch": {}}],
        safetySettings=[{"category": "x"}],
        generationConfig={"topK": 3, "stopSequences": list("abcde"), "mediaResolution": "LOW"},
        labels={"a": "b"},
    )
    assert found.dropped == (
        "tools.googleSearch",
        "generationConfig.stopSequences",
        "generationConfig.topK",
        "generationConfig.mediaResolution",
        "safetySettings",
    )
    with pytest.raises(UnsupportedCapability):
        translated(cachedContent="cachedContents/1")


EVERYTHING: Json = {
    "contents": [
        {
            "role": "user",
            "parts": [
                {"text": "a"},
                {"inlineData": {"mimeType": "image/png", "data": "AA=="}},
                {"fileData": {"mimeType": "image/png", "fileUri": "https://x.example/a"}},
            ],
        },
        {
            "role": "model",
            "parts": [
                {"text": "t", "thought": True, "thoughtSignature": "AAAA"},
                {"functionCall": {"id": "1", "name": "f", "args": {"a": 1}}},
            ],
        },
        {"parts": [{"functionResponse": {"id": "1", "name": "f", "response": {"a": 1}}}]},
    ],
    "systemInstruction": {"parts": [{"text": "s"}]},
    "tools": [
        {
            "functionDeclarations": [
                {
                    "name": "f",
                    "description": "d",
                    "behavior": "BLOCKING",
                    "parameters": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}},
                }
            ]
        }
    ],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
    "generationConfig": {
        "maxOutputTokens": 5,
        "stopSequences": ["a"],
        "responseMimeType": "application/json",
        "responseSchema": {"type": "ARRAY", "items": {"anyOf": [{"type": "STRING"}]}},
        "responseLogprobs": True,
        "thinkingConfig": {"thinkingBudget": 100, "thinkingLevel": "low"},
        "responseModalities": ["TEXT"],
    },
    "safetySettings": [{"category": "x"}],
}
WRONG: tuple[object, ...] = (None, -1, 1.5, True, "", "x", [], {}, [1], ["x"], [[1]], {"parts": 5})


def places(value: object, *above: object) -> Iterator[tuple[object, ...]]:
    """Yield where each value of some JSON is."""
    if above:
        yield above
    pairs = value.items() if isinstance(value, dict) else ()
    for key, each in enumerate(value) if isinstance(value, list) else pairs:
        yield from places(each, *above, key)


PLACES = {".".join(map(str, place)): place for place in places(EVERYTHING)}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_no_value_of_a_wrong_type_is_our_failure(place: tuple[Any, ...]) -> None:
    """It is passed on, or refused, wherever it stands."""
    for wrong in WRONG:
        asked = deepcopy(EVERYTHING)
        around: Any = asked
        for key in place[:-1]:
            around = around[key]
        around[place[-1]] = wrong
        for terms in (ANY_TERMS, OPENAI):
            with suppress(InvalidRequest, UnsupportedCapability):
                assert orjson.loads(translated(terms, **asked).chat.json)["messages"]
