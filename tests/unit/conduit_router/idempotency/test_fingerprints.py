"""Two requests with one key are the same if they ask for the same."""

import asyncio

import pytest

from conduit.v1 import router_requests_pb2 as pb
from conduit.v1.chat_pb2 import ChatCompletionRequest
from conduit_kernel.http import Upload, UploadReader
from conduit_router.idempotency.fingerprints import fingerprint_of

ASKED = b'{"model":"a","messages":[{"role":"user","content":"hi"}],"temperature":0.5}'


class Bytes:
    """A file that is at hand."""

    def __init__(self, *pieces: bytes) -> None:
        self.length: int | None = sum(map(len, pieces))
        self._pieces = pieces

    async def open(self) -> UploadReader:
        """Begin at its beginning."""
        return Reading([*self._pieces, b""])


class Reading:
    """One pass over a file."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    async def next(self) -> bytes:
        """Return the next piece."""
        return self._pieces.pop(0)


def of(json: bytes, *files: Upload, rpc: str = "Chat", seed: int | None = None) -> bytes:
    """Return the fingerprint of a chat."""
    request = pb.ChatRequest(json=json)
    request.options.idempotency_key = "k"
    if seed is not None:
        request.options.seed = seed
    return asyncio.run(fingerprint_of(rpc, request, files))


@pytest.mark.parametrize(
    "same",
    [
        ASKED,
        b'{"temperature": 0.5, "messages": [{"content": "hi", "role": "user"}], "model": "a"}',
        b'{"model":"\\u0061","messages":[{"role":"user","content":"hi"}],"temperature":5e-1}',
    ],
)
def test_json_counts_by_what_it_says(same: bytes) -> None:
    """In whatever order, with whatever space and escapes."""
    assert of(same) == of(ASKED)


@pytest.mark.parametrize(
    "other",
    [
        ASKED.replace(b"hi", b"ho"),
        ASKED.replace(b"0.5", b"0.6"),
        ASKED.replace(b'"model":"a"', b'"model":"b"'),
        ASKED[:-1] + b',"user":null}',
        b"no json",
        b"",
    ],
)
def test_another_request_has_another_fingerprint(other: bytes) -> None:
    """Each member counts, also one that says nothing."""
    assert of(other) != of(ASKED)


def test_the_rpc_counts_and_how_it_is_to_be_made_does_not() -> None:
    """A client that gives its second try more time asks for the same."""
    assert of(ASKED, rpc="StreamChat") != of(ASKED)
    assert of(ASKED, seed=7) == of(ASKED)


def test_members_of_lists_keep_their_order() -> None:
    """Another order of messages is another conversation."""
    assert of(b'{"messages":["a","b"]}') != of(b'{"messages":["b","a"]}')


def test_typed_requests_have_fingerprints_too() -> None:
    """By their fields."""
    asked = pb.ChatRequest(chat=ChatCompletionRequest(model="a"))
    other = pb.ChatRequest(chat=ChatCompletionRequest(model="b"))
    found = [asyncio.run(fingerprint_of("Chat", each)) for each in (asked, asked, other)]
    assert found[0] == found[1] != found[2]
    assert len(found[0]) == 32


def test_files_count_by_their_bytes() -> None:
    """However they came, and each by itself."""
    assert of(ASKED, Bytes(b"ab", b"c")) == of(ASKED, Bytes(b"abc"))
    assert of(ASKED, Bytes(b"ab"), Bytes(b"c")) != of(ASKED, Bytes(b"a"), Bytes(b"bc"))
    assert of(ASKED, Bytes(b"abc")) != of(ASKED)
