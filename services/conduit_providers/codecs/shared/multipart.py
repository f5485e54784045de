"""Writes `multipart/form-data`: https://www.rfc-editor.org/rfc/rfc7578.

A form that came is sent on as it was: names, spellings, order, types. Its files are sent as they
come, and so are never whole in memory.
"""

from collections.abc import Iterable, Iterator, Sequence

from conduit.v1.form_pb2 import FormMember
from conduit_kernel.http import JoinedUpload, Upload
from conduit_providers.wire import Headers, HttpRequest

# As browsers write names: https://html.spec.whatwg.org/#multipart-form-data
_ESCAPES = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})

Pieces = list[bytes | Upload]


def form_request(
    path: str,
    headers: Headers,
    members: Iterable[FormMember],
    uploads: Sequence[Upload],
    boundary: str,
) -> HttpRequest:
    """Return the request that sends a form.

    `uploads` are the bytes of its files in order; none if the files have their own. Nobody who
    wrote a member may know the boundary.
    """
    pieces = list(_pieces(members, uploads, boundary))
    fields = (("content-type", f"multipart/form-data; boundary={boundary}"), *headers)
    texts = [piece for piece in pieces if isinstance(piece, bytes)]
    if len(texts) == len(pieces):
        return HttpRequest("POST", path, fields, b"".join(texts))
    return HttpRequest("POST", path, fields, upload=JoinedUpload(pieces))


def _pieces(
    members: Iterable[FormMember], uploads: Sequence[Upload], boundary: str
) -> Iterator[bytes | Upload]:
    left = iter(uploads)
    for member in members:
        yield _head(member, boundary)
        if not member.HasField("file"):
            yield member.value
        elif uploads:
            yield next(left)
        else:
            yield member.file.content
        yield b"\r\n"
    yield f"--{boundary}--\r\n".encode()


def _head(member: FormMember, boundary: str) -> bytes:
    lines = [f"--{boundary}", f'content-disposition: form-data; name="{_quoted(member.name)}"']
    # What has line breaks is no type.
    kind = member.content_type if member.content_type.isprintable() else ""
    if member.HasField("file"):
        lines[1] += f'; filename="{_quoted(member.file.filename)}"'
        # Without a type it would be text.
        kind = kind or "application/octet-stream"
    if kind:
        lines.append(f"content-type: {kind}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _quoted(text: str) -> str:
    return text.translate(_ESCAPES)
