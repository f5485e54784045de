"""The bodies that the simulator understands, and those it refuses as OpenAI does."""

import pytest
from tests.support.nonsense import deep

from conduit_simulator.errors import ApiError
from conduit_simulator.requests import (
    MAX_DIMENSIONS,
    max_tokens,
    read_chat,
    read_embedding,
    read_image,
    read_image_edit,
    texts_of,
)

HELLO = b'"model":"echo","messages":[{"role":"user","content":"hi"}]'


def test_what_changes_nothing_is_passed_over() -> None:
    """Clients send much that the simulator has no use for."""
    request = read_chat(b'{%b,"temperature":"hot","new":{"a":[1]}}' % HELLO)
    assert (request.model, request.messages[0].content) == ("echo", "hi")


@pytest.mark.parametrize(
    ("members", "limit"),
    [
        (b"", None),
        (b',"max_tokens":7', 7),
        (b',"max_tokens":7,"max_completion_tokens":5', 5),
        (b',"max_tokens":null,"max_completion_tokens":null', None),
    ],
)
def test_the_newer_limit_counts(members: bytes, limit: int | None) -> None:
    """Where both are given."""
    assert max_tokens(read_chat(b"{%b%b}" % (HELLO, members))) == limit


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"model":"echo"}',
        b'{"model":"echo","messages":[]}',
        b'{"model":"echo","messages":[{"role":"user","content":"\xff"}]}',
        b'{%b,"n":0}' % HELLO,
        b'{%b,"n":129}' % HELLO,
        b'{%b,"max_tokens":0}' % HELLO,
        b'{%b,"max_completion_tokens":-1,"max_tokens":5}' % HELLO,
        b'{%b,"tools":[{"function":7}]}' % HELLO,
        b'{%b,"zz":%b}' % (HELLO, deep(5000)),
    ],
)
def test_a_chat_that_is_none_is_refused(body: bytes) -> None:
    """With status 400, also where it is nested without end."""
    with pytest.raises(ApiError) as refused:
        read_chat(body)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("given", "texts"),
    [
        (b'"one"', ["one"]),
        (b'["one","two"]', ["one", "two"]),
        (b"[1,2]", [[1, 2]]),
        (b'[[1,2],"x",[3]]', [[1, 2], "x", [3]]),
    ],
)
def test_texts_come_alone_or_listed_as_words_or_tokens(given: bytes, texts: list[object]) -> None:
    """In all of OpenAI's forms."""
    assert texts_of(read_embedding(b'{"model":"m","input":%b}' % given)) == texts


@pytest.mark.parametrize(
    "given", [b'""', b"[]", b"7", b"null", b'[""]', b"[true]", b'[1,"x"]', b"[[]]", b"[[1.5]]"]
)
def test_what_is_no_text_is_refused(given: bytes) -> None:
    """The error names the member."""
    request = read_embedding(b'{"model":"m","input":%b}' % given)
    with pytest.raises(ApiError) as refused:
        texts_of(request)
    assert b'"param":"input"' in refused.value.body()


@pytest.mark.parametrize(
    "members",
    [
        b'"encoding_format":"int8"',
        b'"dimensions":0',
        b'"dimensions":%d' % (MAX_DIMENSIONS + 1),
        b'"dimensions":"few"',
        b'"zz":%b' % deep(5000),
    ],
)
def test_an_embedding_that_is_none_is_refused(members: bytes) -> None:
    """Before anything is computed."""
    with pytest.raises(ApiError) as refused:
        read_embedding(b'{"model":"m","input":"x",%b}' % members)
    assert refused.value.status == 400


@pytest.mark.parametrize("body", [b"{}", b"[", b'{"model":"image","prompt":""}', b"\xff"])
def test_what_asks_for_no_image_is_refused(body: bytes) -> None:
    """A generation and an edit alike."""
    with pytest.raises(ApiError):
        read_image(body)
    with pytest.raises(ApiError):
        read_image_edit(body, b"application/json")


def test_an_edit_is_read_from_json_and_from_a_form() -> None:
    """Of a form's images their lengths are kept."""
    json = b'{"model":"image","prompt":"p","n":2,"images":[{"file_id":"f"}]}'
    assert read_image_edit(json, b"application/json").n == 2
    parts = [(b"model", b"image"), (b"prompt", b"p"), (b"n", b"2"), (b"image[]", b"PNG")]
    form = b"".join(
        b'--x\r\ncontent-disposition: form-data; name="%b"\r\n\r\n%b\r\n' % part for part in parts
    )
    found = read_image_edit(form + b"--x--\r\n", b"multipart/form-data; boundary=x")
    assert (found.model, found.n, found.images) == ("image", 2, [3])
    with pytest.raises(ApiError):
        read_image_edit(b"no form", b"multipart/form-data; boundary=x")
