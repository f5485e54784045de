"""Forms, read as they come, on real sockets."""

import asyncio
from pathlib import Path

import httpx
import orjson
from tests.integration.bridge.stage import CALLER, ScriptedRouter, until

from conduit_bridge import bootstrap

WORDS = "/v1/audio/transcriptions"
EDITS = "/v1/images/edits"
SOUND = b"\x00\r\n--x\xff" * 100
PICTURE = ("a.png", b"\x89PNG", "image/png")


def uploads(tmp_path: Path) -> list[Path]:
    """Return what is left where uploads are kept."""
    return list((tmp_path / "uploads").iterdir())


async def test_a_form_comes_fields_first_and_then_bytes(
    http: httpx.AsyncClient, router: ScriptedRouter
) -> None:
    """Every member is kept as it was sent: spellings, unknown ones, names and types of files."""
    answer = await http.post(
        WORDS,
        data={"model": "whisper", "timestamp_granularities[]": ["word", "segment"], "x_new": "1"},
        files={"file": ("speech.mp3", SOUND, "audio/mpeg")},
    )
    assert answer.text == "speech.mp3: 700 bytes"
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert router.files == {0: SOUND}
    members = router.requests[0].start.multipart.members
    assert [(m.name, m.value) for m in members[:4]] == [
        ("model", b"whisper"),
        ("timestamp_granularities[]", b"word"),
        ("timestamp_granularities[]", b"segment"),
        ("x_new", b"1"),
    ]
    assert (members[4].name, members[4].content_type) == ("file", "audio/mpeg")
    assert (members[4].file.filename, members[4].file.size) == ("speech.mp3", 700)
    assert not members[4].file.content


async def test_members_may_come_behind_their_files(
    http: httpx.AsyncClient, router: ScriptedRouter
) -> None:
    """The Router gets them before the bytes whatever the order was."""
    files: list[tuple[str, tuple[str | None, bytes, str]]] = [
        ("file", ("a.wav", b"a" * 300_000, "audio/wav")),
        ("file", ("b.wav", b"", "audio/wav")),
        ("file", ("c.wav", b"c" * 10, "audio/wav")),
        ("model", (None, b"whisper", "text/plain")),
    ]
    answer = await http.post(WORDS, files=files)
    assert answer.text == "a.wav: 300000 bytes, b.wav: 10 bytes"
    assert router.files == {0: b"a" * 300_000, 2: b"c" * 10}
    assert router.requests[0].start.multipart.members[3].value == b"whisper"


async def test_a_member_chooses_events(http: httpx.AsyncClient) -> None:
    """As the member of the same name in JSON does."""
    answer = await http.post(WORDS, data={"stream": "true"}, files={"file": ("a", b"x")})
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text == "data: start\n\ndata: chunk\n\n"
    whole = await http.post(WORDS, data={"stream": "false"}, files={"file": ("a", b"x")})
    assert whole.text == "a: 1 bytes"
    wrong = await http.post(WORDS, data={"stream": "maybe"}, files={"file": ("a", b"x")})
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "stream")


async def test_edits_come_as_json_or_as_a_form(
    http: httpx.AsyncClient, router: ScriptedRouter
) -> None:
    """JSON passes as it came; a form's pictures follow it."""
    body = {"model": "m", "images": [{"file_id": "file-1"}]}
    assert (await http.post(EDITS, json=body)).json() == body
    files = [("image[]", PICTURE), ("image[]", PICTURE), ("mask", PICTURE)]
    answer = await http.post(EDITS, data={"model": "m"}, files=files)
    assert answer.json() == "model,image[],image[],mask"
    form = router.requests[1].start.multipart
    assert form.members[1].file.content == b""
    assert router.files == dict.fromkeys(range(3), b"\x89PNG")


async def test_edits_are_streamed_where_they_ask_for_it(http: httpx.AsyncClient) -> None:
    """In either form."""
    form = await http.post(EDITS, data={"stream": "true"}, files={"image": PICTURE})
    plain = await http.post(EDITS, json={"stream": True})
    assert form.text == plain.text == "data: {}\n\n"


async def test_forms_that_are_none_are_refused(http: httpx.AsyncClient, tmp_path: Path) -> None:
    """JSON where only forms are taken, and a form that breaks off; nothing is kept of them."""
    plain = await http.post(WORDS, json={"model": "m"})
    headers = {"content-type": "multipart/form-data; boundary=x"}
    cut = b'--x\r\ncontent-disposition: form-data; name="f"; filename="a"\r\n\r\n' + b"x" * 300_000
    broken = await http.post(WORDS, content=cut, headers=headers)
    assert [a.status_code for a in (plain, broken)] == [400, 400]
    assert plain.json()["error"]["param"] == "content-type"
    malformed = await http.post(EDITS, content=b"{", headers={"content-type": "application/json"})
    # What is raw is the Router's to read.
    assert malformed.status_code == 200
    assert not uploads(tmp_path)


async def test_forms_may_be_larger_than_other_bodies(http: httpx.AsyncClient) -> None:
    """A route's own limit wins over the server's; one beyond it is refused in our shape."""
    files = {"file": ("long.wav", b"x" * (3 * 1024 * 1024), "audio/wav")}
    answer = await http.post(WORDS, data={"model": "m"}, files=files)
    assert answer.text == "long.wav: 3145728 bytes"


async def test_forms_are_bounded(bridge: bootstrap.BridgeProcess) -> None:
    """One beyond the route's limit is refused in our shape, by its head."""
    head, body = await answer_to_head(
        bridge, b"authorization: Bearer condt_caller\r\n", 200_000_000
    )
    assert head.startswith(b"HTTP/1.1 413 ")
    assert orjson.loads(body)["error"]["code"] == "request_too_large"


async def answer_to_head(
    bridge: bootstrap.BridgeProcess, fields: bytes, length: int
) -> tuple[bytes, bytes]:
    """Send the head of a form, and return the answer to that alone."""
    reader, writer = await asyncio.open_connection("127.0.0.1", bridge.port)
    writer.write(
        b"POST /v1/audio/transcriptions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n%b"
        b"content-type: multipart/form-data; boundary=x\r\n\r\n" % (length, fields)
    )
    try:
        async with asyncio.timeout(5):
            return await reader.readuntil(b"\r\n\r\n"), await reader.read()
    finally:
        writer.transport.abort()


async def test_a_caller_is_known_before_a_form_is_read(bridge: bootstrap.BridgeProcess) -> None:
    """Nobody fills the disk without a key."""
    head, _ = await answer_to_head(bridge, b"", 1_000_000)
    assert head.startswith(b"HTTP/1.1 401 ")


async def test_nothing_is_left_of_a_caller_that_leaves(
    bridge: bootstrap.BridgeProcess, tmp_path: Path
) -> None:
    """In the middle of a file, which is then on the disk."""
    _, writer = await asyncio.open_connection("127.0.0.1", bridge.port)
    writer.write(
        b"POST /v1/audio/transcriptions HTTP/1.1\r\nhost: x\r\ncontent-length: 9000000\r\n"
        b"authorization: Bearer condt_caller\r\n"
        b"content-type: multipart/form-data; boundary=x\r\n\r\n"
        b'--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n'
    )
    writer.write(b"x" * 2_000_000)
    await writer.drain()
    writer.transport.abort()

    async def nothing() -> bool:
        return not uploads(tmp_path)

    await until(nothing)


async def test_compressed_forms_are_refused(http: httpx.AsyncClient) -> None:
    """As other bodies are."""
    answer = await http.post(
        WORDS, files={"file": ("a", b"x")}, headers={**CALLER, "content-encoding": "gzip"}
    )
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "content-encoding")
