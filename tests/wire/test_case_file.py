"""The form of the wire cases: every byte comes back, and what is written reads well."""

import random

import pytest
from tests.support.case_file import CaseFile, Part

FRONT = b'source = "made up: for this test"\n'
# What would be lost or changed by a form that is careless, and how each is to be written.
CONTENTS = {
    b"": "",
    b"\n": "",
    b"data: {}\n\ndata: [DONE]\n\n": "",
    "HTTP/1.1 200 OK\n\nGrüße, 世界 \u2028 \U0001f600".encode(): "",
    b'HTTP/1.1 200 OK\n\n{"a":1,"b":[1.5,"x\\n"]}': "json",
    b'[{"a":1}]': "json",
    b'{"a":"\x7f=","b":1e-7,"c":[],"d":{}}': "json",
    # Not to the byte what would be written from the JSON.
    b'HTTP/1.1 200 OK\n\n{"a": 1}': "",
    b'HTTP/1.1 200 OK\n\n{"a":1e2}': "",
    b'HTTP/1.1 200 OK\n\n{"a":1,"a":1}': "",
    b'HTTP/1.1 200 OK\n\n{"a":1}\n': "",
    b"HTTP/1.1 200 OK\r\n\r\n{}": "escaped",
    b"data: x\r\n\r\ndata: y\r\r": "escaped",
    b"=== received\n+++\n=== sent (json)": "escaped",
    b"==": "escaped",
    b"blanks at the end \nand a tab\t": "escaped",
    b"\\r is no return\x1b": "escaped",
    b"\\r is no return": "",
    b"\x00\x00\x00\x10text": "base64",
    b"\xff\xfe": "base64",
    b"\xff\n\n{}": "base64",
}


@pytest.mark.parametrize(("content", "encoding"), CONTENTS.items())
def test_bytes_are_written_in_the_plainest_way_that_keeps_them(
    content: bytes, encoding: str
) -> None:
    """Text as it is, JSON laid out, text that an editor would change escaped, the rest base64."""
    part = Part.of(content)
    assert part.encoding == encoding
    assert part.content == content


@pytest.mark.parametrize("seed", range(200))
def test_every_byte_comes_back(seed: int) -> None:
    """Whatever the parts hold, of pieces that mean something to the form and of any bytes."""
    chance = random.Random(seed)  # noqa: S311 # not for secrets
    pieces = [*CONTENTS, b"\\", b"\\x41", b" ", b"=", b"=== a\n", b"+++\n", b"(json)\n", b"{}"]
    contents = {
        f"part {number}": b"".join(
            chance.choice([*pieces, chance.randbytes(3)]) for _ in range(chance.randrange(6))
        )
        for number in range(4)
    }
    file = CaseFile(FRONT, {})
    for name, content in contents.items():
        file = file.with_part(name, content)
    read = CaseFile.parse(file.raw)
    assert read == file
    assert {name: part.content for name, part in read.parts.items()} == contents


def test_json_is_laid_out() -> None:
    """What fits is one line and the rest a line for each member, so that a diff is short."""
    long = "x" * 90
    body = b'{"a":{"b":[1,2]},"c":["%b",{}]}' % long.encode()
    file = CaseFile(FRONT, {}).with_part("sent", b"POST /v1\nhost: x\n\n" + body)
    laid_out = f"""=== sent (json)
POST /v1
host: x

{{
  "a": {{"b": [1, 2]}},
  "c": [
    "{long}",
    {{}}
  ]
}}
"""
    assert file.raw == b"+++\n" + FRONT + b"+++\n" + laid_out.encode()


def test_only_the_part_that_changed_is_written_anew() -> None:
    """What somebody wrote by hand, in a way that is not ours, stays as it is."""
    raw = b"+++\nsource='x' # why\n+++\n=== received (base64)\nYQ==\n=== result\n{}\n"
    file = CaseFile.parse(raw)
    assert file.with_part("received", b"a").raw == raw
    assert file.with_part("result", b"[]").raw == raw.replace(b"\n{}", b" (json)\n[]")


@pytest.mark.parametrize(
    "raw",
    [
        b"source = 1\n",
        b"+++\nsource = 1\n",
        b"+++\nsource = 1\n+++\ntext\n",
        b"+++\nsource = 1\n+++\n=== sent\nx",
        b"+++\nsource = 1\n+++\n=== sent\nx\n=== sent\ny\n",
    ],
)
def test_what_is_no_case_is_refused(raw: bytes) -> None:
    """A part is never lost or cut without a word."""
    with pytest.raises(ValueError, match=r"\w"):
        CaseFile.parse(raw)


def test_a_way_of_writing_that_is_not_known_is_refused() -> None:
    """A misspelt one does not pass for text."""
    with pytest.raises(ValueError, match="jsno"):
        _ = Part("jsno", b"{}").content
