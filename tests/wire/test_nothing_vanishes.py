"""Members of requests other than chats: said to the provider, told as dropped, refused, or ours.

Chats have a table of their own, in tests/unit/conduit_providers/codecs/test_nothing_vanishes.py.
"""

from typing import Any, NamedTuple

import orjson
import pytest
from tests.support.operations import form_of
from tests.support.replays import Replay, replays

from conduit_kernel.errors import InvalidRequest, UnsupportedCapability, UnsupportedParameter

Json = dict[str, Any]
IMAGE: Json = {
    "n": 2,
    "size": "1536x1024",
    "quality": "high",
    "background": "transparent",
    "output_format": "webp",
    "output_compression": 50,
    "moderation": "low",
    "user": "ada",
    "negative_prompt": "fog",
    "seed": 7,
    "response_format": "b64_json",
    "brand_new": 1,
}
TRANSCRIPT: Json = {
    "prompt": "Names",
    "temperature": 0.5,
    "response_format": "verbose_json",
    "language": "de",
    "brand_new": "1",
}
# By operation: members that OpenAI, or the dialects, know, and one that nobody knows.
MEMBERS: dict[str, Json] = {
    "embed": {
        "dimensions": 256,
        "user": "ada",
        "encoding_format": "base64",
        "input_type": "search_query",
        "brand_new": 1,
    },
    "speak": {
        "instructions": "Sadly",
        "speed": 1.5,
        "response_format": "flac",
        "stream_format": "sse",
        "brand_new": 1,
    },
    "image": {**IMAGE, "style": "vivid"},
    "image_edit": {**IMAGE, "input_fidelity": "high"},
    "rerank": {
        "top_n": 1,
        "return_documents": True,
        "max_tokens_per_doc": 100,
        "priority": 3,
        "brand_new": 1,
    },
    "transcribe": {
        **TRANSCRIPT,
        "timestamp_granularities": ["word"],
        "include": ["logprobs"],
        "chunking_strategy": "auto",
        "known_speaker_names": ["Ada"],
        "keywords": ["Conduit"],
    },
    "translate": TRANSCRIPT,
}
# What needs nothing of a provider, since it is done with its answer, by several requests, or is so.
OURS = {
    ("embed", "encoding_format"): "packed here where numbers come",
    ("speak", "stream_format"): "events are made here out of sound",
    ("image", "n"): "one request for each image",
    ("image_edit", "n"): "one request for each image",
    ("image", "response_format"): "images come so, or are fetched",
    ("image_edit", "response_format"): "images come so, or are fetched",
    ("rerank", "top_n"): "the rest is left out here",
    ("rerank", "return_documents"): "the caller's documents are put in here",
    ("transcribe", "response_format"): "written here out of the words",
    ("transcribe", "timestamp_granularities"): "of `verbose_json` alone, says OpenAI",
}
PLAIN = [
    each
    for each in replays()
    if each.is_own and each.operation in MEMBERS and each.case.path.stem == "plain"
]
CASES = [(replay, name) for replay in PLAIN for name in MEMBERS[replay.operation]]


class Sent(NamedTuple):
    """What became of a request."""

    request: bytes
    dropped: set[str]


def sent(replay: Replay, members: Json, *, is_strict: bool = False) -> Sent:
    """Send a request with these members."""
    call = replay.fresh_call()
    call.request = form_of(replay.operation, orjson.dumps(members))
    call.is_strict = is_strict
    return Sent(replay.sent(call), set(call.dropped))


def name_of(case: object) -> str:
    """Return a name for the test report."""
    return case.name if isinstance(case, Replay) else str(case)


@pytest.mark.parametrize(("replay", "name"), CASES, ids=name_of)
def test_a_member_is_said_or_told_or_refused_or_ours(replay: Replay, name: str) -> None:
    """And where it is told, strict callers are refused."""
    without = {each: value for each, value in replay.asked.request.items() if each != name}
    members = {**without, name: MEMBERS[replay.operation][name]}
    try:
        plain, found = sent(replay, without), sent(replay, members)
    except (InvalidRequest, UnsupportedCapability):
        return
    lost = found.dropped - plain.dropped
    assert found.request != plain.request or lost or (replay.operation, name) in OURS
    if lost:
        with pytest.raises(UnsupportedParameter):
            sent(replay, members, is_strict=True)


def test_every_type_is_asked_for_every_operation() -> None:
    """But for those whose plain case has another name."""
    assert {each.operation for each in PLAIN} == MEMBERS.keys()
    assert len({each.spec.name for each in PLAIN}) > 20
