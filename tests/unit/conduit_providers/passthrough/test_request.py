"""What is read of requests in providers' own words."""

import pytest

from conduit_kernel.errors import InvalidRequest, UnsupportedParameter
from conduit_providers.passthrough.request import PassedRequest, read_request
from conduit_providers.passthrough.rule import PassthroughRule

RULE = PassthroughRule(
    path="/chat",
    usage="openai",
    headers=frozenset({"a-beta"}),
    query=frozenset({"beta"}),
    refuses=frozenset({"conversation"}),
)
IN_PATH = PassthroughRule(path="/{model}:go", usage="gemini", streams=True)


def _read(body: bytes, rule: PassthroughRule = RULE, path: str = "/chat") -> PassedRequest:
    return read_request(rule, path, (), (), body)


@pytest.mark.parametrize(
    ("body", "most", "choices"),
    [
        (b'{"model": "m"}', None, 1),
        (b'{"model": "m", "max_tokens": 5}', 5, 1),
        (b'{"model": "m", "max_completion_tokens": 5, "n": 3}', 5, 3),
        (b'{"model": "m", "max_output_tokens": 5}', 5, 1),
        (b'{"model": "m", "max_tokens": 5, "max_completion_tokens": 50}', 50, 1),
        (b'{"model": "m", "max_tokens": -5, "n": -2}', 0, 1),
        (
            b'{"model": "m", "generationConfig": {"maxOutputTokens": 5, "candidateCount": 2}}',
            5,
            2,
        ),
        (
            (
                b'{"model": "m", "generationConfig": {"maxOutputTokens": 5, "candidate_count": 3}, '
                b'"generation_config": {"max_output_tokens": 50}}'
            ),
            50,
            3,
        ),
        (b'{"model": "m", "inferenceConfig": {"maxTokens": 5}}', 5, 1),
        (
            (
                b'{"model": "m", "inferenceConfig": {"maxTokens": 5}, '
                b'"additionalModelRequestFields": {"max_tokens": 50, "thinking": {}}}'
            ),
            50,
            1,
        ),
        (b'{"model": "m", "additionalModelRequestFields": {"max_gen_len": 5}}', 5, 1),
        (b'{"model": "m", "additionalModelRequestFields": {"maxTokenCount": 5}}', 5, 1),
        (b'{"model": "m", "additionalModelRequestFields": {"max_new_tokens": 5}}', 5, 1),
        (b'{"model": "m", "max_tokens": 5, "n": 2, "best_of": 4}', 5, 4),
        (b'{"model": "m", "max_tokens": 5, "n": 2, "prompt": ["a", "b", "c"]}', 5, 6),
        (b'{"model": "m", "max_tokens": 5, "prompt": [[1, 2], [3]]}', 5, 2),
        (b'{"model": "m", "max_tokens": 5, "prompt": [1, 2, 3]}', 5, 1),
        (b'{"model": "m", "max_tokens": 5, "prompt": "[a, b]"}', 5, 1),
    ],
)
def test_limits_are_read_in_all_dialects(body: bytes, most: int | None, choices: int) -> None:
    """The largest, where there are several: it is what may be charged."""
    found = _read(body)
    assert (found.max_output, found.choices) == (most, choices)


def test_paths_name_models_before_bodies() -> None:
    """What stands in the path is what the provider takes."""
    found = _read(b'{"model": "other"}', IN_PATH, "/m-1:go")
    assert (found.model, found.stream) == ("m-1", True)


@pytest.mark.parametrize("value", [b'"c"', b"{}", b"1", b"true"])
def test_members_that_are_refused(value: bytes) -> None:
    """Unless they say nothing, or stand elsewhere than in the request itself."""
    with pytest.raises(UnsupportedParameter):
        _read(b'{"model": "m", "conversation": %b}' % value)
    with pytest.raises(UnsupportedParameter):
        _read(b'{"model": "m", "convers\\u0061tion": %b}' % value)
    assert _read(b'{"model": "m", "conversation": null}').model == "m"
    assert _read(b'{"model": "m", "input": [{"conversation": %b}]}' % value).model == "m"


def test_what_decides_is_there_once() -> None:
    """In objects inside it may be as often as it likes."""
    twice = (
        '"model": "n"',
        '"stream": true, "STREAM": 0',
        # As servers in Go read them.
        '"max_tokens": 5, "max_to\u212aens": 50',
        '"max_tokens": 5, "max_token\u017f": 50',
        '"max_tokens": 5, "max_token\\u017f": 50',
        '"max_tokens": 5, "max_to\\u212Aens": 50',
        '"generationConfig": {"maxOutputTokens": 5, "maxOutputTokens": 50}',
        '"generation_config": {"candidate_count": 1, "candidate_count": 5}',
        '"inferenceConfig": {"maxTokens": 5, "maxTokens": 50}',
        '"inferenceConfig": {"maxTokens": 5}, "inferenceConfig": {"maxTokens": 50}',
        '"additionalModelRequestFields": {"max_tokens": 5, "max_tokens": 50}',
    )
    for members in twice:
        with pytest.raises(InvalidRequest, match="is there twice"):
            _read(f'{{"model": "m", {members}}}'.encode())
    assert _read(b'{"model": "m", "input": [{"model": "n"}, {"model": "o"}]}').model == "m"


@pytest.mark.parametrize("mark", [b'"image_url"', b'"document"', b'"fileData"', b'"input_image"'])
def test_media_are_noticed(mark: bytes) -> None:
    """What a body refers to may be larger than it."""
    assert _read(b'{"model": "m", "input": [{"type": "x", %b: {}}]}' % mark).has_media
    assert not _read(b'{"model": "m"}').has_media


def test_headers_and_queries_pass_by_name() -> None:
    """Others stay; a parameter that nobody expects is refused."""
    body = b'{"model": "m"}'
    headers = [("A-Beta", "x"), ("authorization", "Bearer y"), ("cookie", "z")]
    found = read_request(RULE, "/chat", [("beta", "true")], headers, body)
    assert (found.headers, found.query) == ((("a-beta", "x"),), (("beta", "true"),))
    with pytest.raises(InvalidRequest, match="'key'"):
        read_request(RULE, "/chat", [("key", "secret")], (), body)
    for value in ("x\r\ny: z", "x\ny", "ä", "x\x00"):
        with pytest.raises(InvalidRequest):
            read_request(RULE, "/chat", (), [("a-beta", value)], body)
