"""What the catalog claims, held against the wire cases."""

from collections import defaultdict

import orjson
import pytest
from tests.support.replays import replays
from tests.support.session_cases import session_cases
from tests.support.wire_cases import WireCase, all_cases, cases_of

from conduit_providers.catalog import load_catalog
from conduit_providers.spec import ProviderSpec

CATALOG = load_catalog()

SOUNDS = ("aac", "alaw", "flac", "mp3", "mulaw", "ogg", "opus", "pcm", "wav")
# What a call asks for, by the words that show it; the rest is shown by the answer.
ASKED = {
    "stream": '"stream":true',
    "tools": '"tools":[',
    "vision": '"image_url"',
    "audio": '"input_audio"',
    "files": '"type":"file"',
    "video": '"video_url"',
    "json_object": '"type":"json_object"',
    "json_schema": '"type":"json_schema"',
    **{name: f'"type":"{name}"' for name in ("grammar", "regex", "structural_tag")},
    "logprobs": '"logprobs":true',
    "seed": '"seed":',
    "n": '"n":2',
    "reasoning": '"reasoning_effort"',
    "dimensions": '"dimensions":',
    "base64": '"encoding_format":"base64"',
    "token_input": '"input":[[',
    "realtime": '"protocol":"Realtime"',
    "live": '"protocol":"Live"',
    "prompt": '"type":"prompt"',
    "structured_documents": '"documents":[{',
    **{name: f'"response_format":"{name}"' for name in ("text", "srt", "vtt")},
    **{name: f'"response_format":"{name}"' for name in ("verbose_json", "diarized_json")},
    "partial_images": '"partial_images":2',
    "output_format": '"output_format":',
    **{name: f'"{name}":"' for name in ("negative_prompt", "quality", "size", "style")},
    "mask": '"mask":{',
    **{name: f'"response_format":"{name}"' for name in SOUNDS},
    "instructions": '"instructions":"',
    "speed": '"speed":',
    "transparent": '"background":"transparent"',
    "word_timestamps": '"timestamp_granularities":["word"]',
}


def shown_by(case: WireCase) -> set[str]:
    """Return the capabilities that a case shows: asked for, taken, and answered."""
    result = case.result
    if "error" in result:
        return set()
    text = orjson.dumps(case.request).decode()
    dropped = result.get("dropped", [])
    shown = {name for name, words in ASKED.items() if words in text and name not in dropped}
    shown |= {"several_images"} if len(case.request.get("images", ())) > 1 else set()
    usage = result.get("usage") or {}
    shown |= {"prompt_cache"} if usage.get("cached_input_tokens") else set()
    choices = result.get("answer", {}).get("choices", [])
    calls = [choice["message"].get("tool_calls") or [] for choice in choices]
    return shown | ({"parallel_tools"} if any(len(each) > 1 for each in calls) else set())


@pytest.mark.parametrize("spec", CATALOG.specs, ids=lambda spec: spec.name)
def test_capabilities_are_claimed_only_with_a_case(spec: ProviderSpec) -> None:
    """Each capability of a catalog file has a case of that type that shows it."""
    for operation, endpoint in spec.endpoints.items():
        cases = cases_of(f"{spec.name}/{operation}", [*all_cases(), *session_cases()])
        shown = set[str]().union(*(shown_by(case) for case in cases))
        assert cases
        assert endpoint.capabilities <= shown


@pytest.mark.parametrize("spec", CATALOG.specs, ids=lambda spec: spec.name)
def test_every_endpoint_is_answered_with_garbage(spec: ProviderSpec) -> None:
    """An answer that makes no sense is an error of the provider, whatever was asked."""
    errors = {r.place: r.expected["error"] for r in MALFORMED}
    # Of sessions it is frames that make no sense, see test_sessions.py.
    for operation in spec.endpoints.keys() - {"converse"}:
        assert errors[f"{spec.name}/{operation}"]["reason"] == "PROVIDER_ERROR"


MALFORMED = [
    replay
    for replay in replays()
    if replay.expected.get("error", {}).get("metadata", {}).get("kind") == "malformed"
]


def test_a_failure_of_several_types_stands_once() -> None:
    """What types of one dialect fail with to the byte is the dialect's, and replayed for all."""
    owners = defaultdict[tuple[str, bytes], set[str]](set)
    for replay in replays():
        if "error" in replay.expected and replay.case.is_sent | bool(replay.case.dialect):
            received = replay.case.file.parts["received"].content
            owners[replay.endpoint.codec, received].add(replay.case.owner)
    assert {key: names for key, names in owners.items() if len(names) > 1} == {}
