r"""A wire case as a file: front matter in TOML, and parts of exact bytes that read well in a diff.

    +++
    source = "documentation: https://docs.lumen.example/chat"
    +++
    === sent (json)
    POST https://api.lumen.example/v1/chat
    content-type: application/json

    {"model": "lumen-2", "seed": 7}
    === received
    HTTP/1.1 200 OK
    ...

A part ends before the newline that precedes the next one. How it is written stands in brackets:

* nothing: as it is
* `json`: compact JSON, or a message with it below its blank line; laid out, with short values on
  one line
* `escaped`: text with what an editor would change or hide as `\r`, `\t`, `\x1b`, and `\\` for `\`
* `base64`: what is no text
"""

import base64
import json
import re
from typing import NamedTuple

import orjson

_FENCE = b"+++\n"
_JSON = {b"{", b"["}
_WIDTH = 100
_PLACES = ("request", "sent", "received", "result")
_JOINT = ",\n"
_MARK = re.compile(rb"^=== ([^\n(]+?)(?: \((\w+)\))?\n", re.MULTILINE)
# Controls, blanks at the end of a line, and what looks like the beginning of a part.
_ODD = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]|[ \t]+$|^=(?==)", re.MULTILINE)
_TO_ESCAPE = re.compile(rb"\\|" + _ODD.pattern, re.MULTILINE)
_ESCAPE = re.compile(rb"\\(?:([rt\\])|x([0-9a-f]{2}))")
_SHORT = {b"r": b"\r", b"t": b"\t", b"\\": b"\\"}
_LONG = {value: name for name, value in _SHORT.items()}


class Part(NamedTuple):
    """A part as the file has it."""

    encoding: str
    text: bytes

    @classmethod
    def of(cls, content: bytes) -> "Part":
        """Write bytes in the way that reads best."""
        if (laid_out := _laid_out(content)) is not None:
            return cls("json", laid_out)
        if not _ODD.search(content) and _is_text(content):
            return cls("", content)
        if b"\0" not in content and _is_text(content):
            return cls("escaped", _TO_ESCAPE.sub(_escaped, content))
        return cls("base64", base64.encodebytes(content).removesuffix(b"\n"))

    @property
    def content(self) -> bytes:
        """The bytes. ValueError if they are not written so."""
        match self.encoding:
            case "":
                return self.text
            case "json":
                head, document = _divided(self.text)
                return head + orjson.dumps(orjson.loads(document))
            case "escaped":
                return _ESCAPE.sub(_unescaped, self.text)
            case "base64":
                return base64.b64decode(self.text)
            case _:
                raise ValueError(f"parts are not written as {self.encoding!r}")


class CaseFile(NamedTuple):
    """The front matter and the parts of a file."""

    front: bytes
    parts: dict[str, Part]

    @classmethod
    def parse(cls, raw: bytes) -> "CaseFile":
        """Read a file. ValueError if it is none."""
        if not raw.startswith(_FENCE):
            raise ValueError("a case begins with front matter, between two lines of +++")
        front, fence, rest = raw.removeprefix(_FENCE).partition(b"\n" + _FENCE)
        marks = list(_MARK.finditer(rest))
        if not fence or (rest and (not marks or marks[0].start())):
            raise ValueError("front matter ends with +++, and the parts follow it")
        if not raw.endswith(b"\n"):
            raise ValueError("the last part does not end with a newline")
        ends = [mark.start() for mark in marks[1:]] + [len(rest)]
        parts = {
            mark[1].decode(): Part((mark[2] or b"").decode(), rest[mark.end() : end - 1])
            for mark, end in zip(marks, ends, strict=True)
        }
        if len(parts) != len(marks):
            raise ValueError("two parts have one name")
        return cls(front + b"\n", parts)

    def with_part(self, name: str, content: bytes) -> "CaseFile":
        """Return the file with a part that has these bytes; one that has them stays as it is."""
        found = self.parts.get(name)
        if found and found.content == content:
            return self
        parts = {**self.parts, name: Part.of(content)}
        # A new part goes to its place; the others stay in theirs.
        place = {known: at for at, known in enumerate(_PLACES)}
        return self._replace(
            parts=dict(sorted(parts.items(), key=lambda item: place.get(item[0], len(place))))
        )

    def without(self, *names: str) -> "CaseFile":
        """Return the file without some parts, whether or not it has them."""
        kept = {name: part for name, part in self.parts.items() if name not in names}
        return self._replace(parts=kept)

    @property
    def raw(self) -> bytes:
        """The file's bytes."""
        return b"".join([_FENCE, self.front, _FENCE, *map(_written, self.parts.items())])


def _written(item: tuple[str, Part]) -> bytes:
    name, (encoding, text) = item
    way = f" ({encoding})" if encoding else ""
    return f"=== {name}{way}\n".encode() + text + b"\n"


def _divided(content: bytes) -> tuple[bytes, bytes]:
    """Return a message's head, with the blank line, and its body; JSON alone has no head."""
    if content[:1] in _JSON:
        return b"", content
    head, blank, body = content.partition(b"\n\n")
    return head + blank, body


def _laid_out(content: bytes) -> bytes | None:
    """Return a message with its JSON laid out; None if it has none, or not to the byte."""
    head, body = _divided(content)
    if body[:1] not in _JSON or _ODD.search(head) or not _is_text(head):
        return None
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if orjson.dumps(document) != body:
        return None
    return head + _lines(document, "", "").encode()


def _lines(value: object, indent: str, name: str) -> str:
    """Return a value, on one line where it fits."""
    line = f"{indent}{name}{json.dumps(value, ensure_ascii=False)}"
    if len(line) < _WIDTH or not value or not isinstance(value, list | dict):
        return line
    inner = indent + "  "
    if isinstance(value, list):
        members = [_lines(each, inner, "") for each in value]
        return f"{indent}{name}[\n{_JOINT.join(members)}\n{indent}]"
    members = [
        _lines(each, inner, json.dumps(key, ensure_ascii=False) + ": ")
        for key, each in value.items()
    ]
    return f"{indent}{name}{{\n{_JOINT.join(members)}\n{indent}}}"


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _escaped(found: re.Match[bytes]) -> bytes:
    return b"".join(
        b"\\" + _LONG[char] if char in _LONG else b"\\x%02x" % char[0]
        for char in (found[0][i : i + 1] for i in range(len(found[0])))
    )


def _unescaped(found: re.Match[bytes]) -> bytes:
    short, code = found.groups()
    return _SHORT[short] if short else bytes([int(code, 16)])
