"""How the expected side is written anew: only that side, the same each time, our texts once."""

import re

from tests.support.case_file import CaseFile
from tests.support.replays import PROVIDER, replays, reviewed
from tests.support.wire_cases import Json, all_cases
from tests.wire.expected_side import (
    MESSAGES,
    parse_messages,
    with_results,
    with_texts,
    written_messages,
)

from conduit.v1.failures import FAILURES

CASE = CaseFile.parse(b'+++\nsource = "made up: x"\n+++\n=== received\nHTTP/1.1 200 OK\n')
TEXT = MESSAGES.read_text("utf-8")
# A word less or more in one of our texts is to be reviewed in no more files than these.
HANDFUL = 5


def failure(message: str) -> Json:
    """Return a result."""
    metadata = {"provider": "Lumen Production", "status": "401"}
    return {"error": {"reason": "INVALID_API_KEY", "message": message, "metadata": metadata}}


def test_the_providers_words_are_of_the_case() -> None:
    """They are what it received; the name of the provider is left to the replay."""
    found, text = reviewed(failure("Lumen Production: no such key"), "Lumen Production")
    metadata = {"provider": PROVIDER, "status": "401"}
    assert found["error"] == {
        "reason": "INVALID_API_KEY",
        "words": "no such key",
        "metadata": metadata,
    }
    assert text == ""


def test_a_text_of_ours_is_apart_from_the_case() -> None:
    """The case keeps the reason and the data alone."""
    found, text = reviewed(failure("Lumen Production needs a key"), "Lumen Production")
    assert found["error"].keys() == {"reason", "metadata"}
    assert text == "{provider} needs a key"


def test_a_result_that_places_share_is_written_once() -> None:
    """Only what differs has a part of its own, whatever was found first or stood there before."""
    results = {
        **dict.fromkeys(["A/chat", "B/chat"], b'{"a":1}'),
        **dict.fromkeys(["C/chat", "D/chat", "E/chat"], b'{"b":1}'),
    }
    file = with_results(CASE, results)
    expected = {"result": b'{"b":1}', "result A/chat, B/chat": b'{"a":1}'}
    assert {n: part.content for n, part in file.parts.items() if n != "received"} == expected
    assert with_results(file, results) == file
    same = with_results(file, dict.fromkeys(results, b'{"a":1}'))
    assert list(same.parts) == ["received", "result"]


def test_messages_are_read_as_they_are_written() -> None:
    """To the byte, so that writing them twice changes nothing."""
    assert written_messages(parse_messages(TEXT)) == TEXT


def test_a_text_that_changed_takes_its_cases_along() -> None:
    """What was not replayed keeps its text, and what is no longer there is left out."""
    messages = parse_messages("{provider} is down\n  a\n  b\n  gone\n")
    found = with_texts(messages, {"b": {"{provider} is out"}}, {"a", "b"})
    assert written_messages(found) == "{provider} is down\n  a\n{provider} is out\n  b\n"
    assert with_texts(found, {"b": set()}, {"a", "b"}).keys() == {"{provider} is down"}


def test_messages_name_each_failure_without_words_of_a_provider() -> None:
    """None is missing, and none stands there for nothing."""
    failures = {
        replay.name_in_messages
        for replay in replays()
        if "words" not in replay.expected.get("error", {"words": ""})
    }
    assert set[str]().union(*parse_messages(TEXT).values()) == failures


def test_a_word_of_a_shared_text_is_in_few_cases() -> None:
    """Neither a text of ours nor a hint is repeated in results, so a change of one stays small."""
    results = [
        part.text.decode()
        for case in all_cases()
        for name, part in case.file.parts.items()
        if name.startswith("result")
    ]
    texts = {*parse_messages(TEXT), *(failure.hint for failure in FAILURES.values())}
    # What is told apart by names and numbers is the text around them.
    fixed = {max(re.split(r"\{\w+\}|'[^']*'|\d+", text), key=len).strip() for text in texts}
    found = {words: sum(words in result for result in results) for words in fixed if words}
    assert {words: count for words, count in found.items() if count > HANDFUL} == {}
