"""The pieces of Anthropic's answers; what caches cost is tested in test_cache_writes."""

import msgspec
import pytest

from conduit.v1.chat_pb2 import (
    FINISH_REASON_CONTENT_FILTER,
    FINISH_REASON_LENGTH,
    FINISH_REASON_STOP,
    FINISH_REASON_TOOL_CALLS,
)
from conduit_providers.codecs.anthropic.answer import (
    Block,
    Counts,
    finish_of,
    tier_of,
)
from conduit_providers.quantities import (
    CACHE_WRITE,
    CACHED_INPUT,
    INPUT,
    OUTPUT,
    REASONING,
    WEB_SEARCH,
    counted,
    plain,
)


def counts(text: bytes) -> Counts:
    """Read counts."""
    return msgspec.json.decode(text, type=Counts)


def test_thoughts_and_searches_are_counted_apart() -> None:
    """They are charged apart."""
    found = counts(
        b'{"input_tokens":1,"output_tokens":9,"output_tokens_details":{"thinking_tokens":4},'
        b'"server_tool_use":{"web_search_requests":2,"new":1},"service_tier":"priority"}'
    )
    assert found.quantities() == counted(
        ((INPUT, 1), (OUTPUT, 5), (REASONING, 4), (WEB_SEARCH, 2)), (("service_tier", "priority"),)
    )


def test_more_thoughts_than_words_are_marked() -> None:
    """The total counts then."""
    found = counts(b'{"output_tokens":3,"output_tokens_details":{"thinking_tokens":4}}')
    assert found.quantities() == counted(((OUTPUT, 3),), is_consistent=False)


@pytest.mark.parametrize("used", [b"{}", b"null", b"[]", b'"x"', b'{"web_search_requests":"2"}'])
def test_tools_that_were_used_in_no_form_we_know_are_not_counted(used: bytes) -> None:
    """The tokens are."""
    assert counts(b'{"input_tokens":1,"server_tool_use":%b}' % used).quantities() == plain(1)


def test_later_counts_take_the_place_of_earlier_ones() -> None:
    """What a later event does not tell stays."""
    found = counts(b'{"input_tokens":1,"output_tokens":1,"server_tool_use":{"a":1}}')
    found.update(counts(b'{"output_tokens":7,"input_tokens":null}'))
    assert (found.input_tokens, found.output_tokens) == (1, 7)
    assert bytes(found.server_tool_use) == b'{"a":1}'


@pytest.mark.parametrize(
    ("word", "reason", "native"),
    [
        ("end_turn", FINISH_REASON_STOP, None),
        ("stop_sequence", FINISH_REASON_STOP, "stop_sequence"),
        ("pause_turn", FINISH_REASON_STOP, "pause_turn"),
        ("max_tokens", FINISH_REASON_LENGTH, None),
        ("model_context_window_exceeded", FINISH_REASON_LENGTH, "model_context_window_exceeded"),
        ("tool_use", FINISH_REASON_TOOL_CALLS, None),
        ("refusal", FINISH_REASON_CONTENT_FILTER, "refusal"),
        ("of a later version", FINISH_REASON_STOP, "of a later version"),
    ],
)
def test_a_reason_is_told_and_kept_where_it_says_more(
    word: str, reason: int, native: str | None
) -> None:
    """A new one is not lost."""
    assert finish_of(word, msgspec.Raw()) == (reason, native, None)


def test_a_refusal_says_why() -> None:
    """If it does."""
    assert finish_of("refusal", msgspec.Raw(b'{"explanation":"No."}')).refusal == "No."
    for silent in (b"{}", b"null", b'{"explanation":null}'):
        assert finish_of("refusal", msgspec.Raw(silent)).refusal is None
    with pytest.raises(msgspec.DecodeError):
        finish_of("refusal", msgspec.Raw(b"7"))


@pytest.mark.parametrize(
    ("tier", "told"), [("standard", "default"), ("priority", "priority"), ("", None), (None, None)]
)
def test_tiers_have_openais_names(tier: str | None, told: str | None) -> None:
    """The usual one is OpenAI's default."""
    assert tier_of(Counts(service_tier=tier)) == told
    assert tier_of(None) is None


@pytest.mark.parametrize(
    ("told", "qualifiers"),
    [
        ({"service_tier": "standard"}, ()),
        ({"service_tier": "priority"}, (("service_tier", "priority"),)),
        ({"service_tier": "batch"}, (("processing", "batch"),)),
        ({"speed": "standard"}, ()),
        (
            {"service_tier": "priority", "speed": "fast"},
            (("service_tier", "priority"), ("speed", "fast")),
        ),
    ],
)
def test_the_tier_and_the_speed_that_served_are_charged(
    told: dict[str, str], qualifiers: object
) -> None:
    """One says nothing of the other; what is usual is not named."""
    assert counts(msgspec.json.encode(told)).quantities().qualifiers == qualifiers


@pytest.mark.parametrize(
    ("raw", "arguments"),
    [(b'{ "a": 1 }', '{"a":1}'), (b"{}", "{}"), (b"null", "{}"), (b"[1]", "{}"), (b'"x"', "{}")],
)
def test_arguments_are_an_object(raw: bytes, arguments: str) -> None:
    """Whatever stands in their place."""
    assert Block("tool_use", input=msgspec.Raw(raw)).arguments == arguments


def test_compactions_are_charged_beside_the_answer() -> None:
    """The other counts leave them out, and hold what the answer itself took."""
    entries = [
        {"type": "compaction", "input_tokens": 1000, "output_tokens": 50},
        {"type": "compaction", "cache_read_input_tokens": 7, "cache_creation_input_tokens": 9},
        {"type": "message", "input_tokens": 40, "output_tokens": 30},
        {"type": "advisor_message", "model": "m", "input_tokens": 500, "output_tokens": 5},
    ]
    used = {"input_tokens": 40, "output_tokens": 30, "iterations": entries}
    assert dict(counts(msgspec.json.encode(used)).quantities().leaves) == {
        INPUT: 1040,
        CACHED_INPUT: 7,
        CACHE_WRITE: 9,
        OUTPUT: 80,
    }


@pytest.mark.parametrize("entries", [None, [], 7, [{"type": "compaction", "input_tokens": "x"}]])
def test_compactions_that_make_no_sense_are_not_counted(entries: object) -> None:
    """The answer is good all the same."""
    used = {"input_tokens": 40, "output_tokens": 30, "iterations": entries}
    assert dict(counts(msgspec.json.encode(used)).quantities().leaves) == {INPUT: 40, OUTPUT: 30}
