"""Forms as callers send them, and with something wrong in them."""

import base64
import random
from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson
from tests.support.nonsense import TEXTS

Json = dict[str, Any]
BOUNDARY = b"fuzz"


class Asked(NamedTuple):
    """A request's body, and what it is."""

    body: bytes
    media_type: str


def broken_form(request: Json, chance: random.Random | None) -> Asked:
    """Return a request as a form; with wrong parts among its own, where there is a chance."""
    parts = list(_parts(request))
    if chance is not None:
        for _ in range(chance.randrange(1, 4)):
            _break(parts, chance)
    body = b"".join(b"--%b\r\n%b\r\n" % (BOUNDARY, part) for part in parts)
    return Asked(
        body + b"--%b--\r\n" % BOUNDARY, f"multipart/form-data; boundary={BOUNDARY.decode()}"
    )


def _break(parts: list[bytes], chance: random.Random) -> None:
    at = chance.randrange(len(parts)) if parts else 0
    match chance.randrange(5) if parts else 4:
        case 0:
            del parts[at]
        case 1:
            parts.insert(at, parts[at])
        case 2:
            head, _, _ = parts[at].partition(b"\r\n\r\n")
            parts[at] = head + b"\r\n\r\n" + chance.choice(TEXTS)
        case 3:
            cut = chance.randrange(len(parts[at]))
            parts[at] = parts[at][:cut] + chance.randbytes(3) + parts[at][cut:]
        case _:
            parts.append(_text(chance.choice(("zz", "stream", "n", "images[]")), "x"))


def _parts(request: Json) -> Iterator[bytes]:
    for name, value in request.items():
        if isinstance(value, dict) and "content" in value:
            yield _file(name, value)
        elif name == "images":
            for image in value:
                yield _file("image[]", image.get("file") or {"content": ""})
        elif name == "audio_samples":
            for sample in value:
                yield _file("audio_sample", sample)
        elif isinstance(value, list):
            yield from (_text(f"{name}[]", each) for each in value)
        else:
            yield _text(name, value)


def _text(name: str, value: object) -> bytes:
    said = value if isinstance(value, str) else orjson.dumps(value).decode()
    return f'content-disposition: form-data; name="{name}"\r\n\r\n{said}'.encode()


def _file(name: str, file: Json) -> bytes:
    filename = file.get("filename", "a")
    head = f'content-disposition: form-data; name="{name}"; filename="{filename}"'
    return head.encode() + b"\r\n\r\n" + base64.b64decode(file["content"])
