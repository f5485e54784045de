"""An object store that speaks as much of S3 as backups need, on a real port."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

PAGE = 2
_NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


class Bucket:
    """What is stored, and what was asked."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.uploads: dict[str, dict[int, bytes]] = {}
        self.asked: list[str] = []
        # Answers nothing but this, where it is set.
        self.status = 0
        # Parts from this one on are refused, where it is set.
        self.refused_part = 0


@contextmanager
def serve_bucket() -> Iterator[tuple[str, Bucket]]:
    """Run a store; yield its address, and what it has."""
    bucket = Bucket()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            parts = urlsplit(self.path)
            key = unquote(parts.path).partition("/")[2].partition("/")[2]
            query = parse_qs(parts.query, keep_blank_values=True)
            bucket.asked.append(f"{self.command} {key} {' '.join(sorted(query))}".strip())
            if bucket.status:
                self._answer(bucket.status, b"<Error><Code>Nope</Code></Error>")
                return
            self._answer(*_answer(bucket, self.command, key, query, body))

        do_GET = do_PUT = do_POST = do_DELETE = _handle  # noqa: N815 # the base's names

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.send_header("etag", '"x"')
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # the base's name
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", bucket
        finally:
            server.shutdown()
            thread.join()


def _answer(
    bucket: Bucket, method: str, key: str, query: dict[str, list[str]], body: bytes
) -> tuple[int, bytes]:
    if "uploads" in query:
        bucket.uploads[key] = {}
        text = f"<R {_NAMESPACE}><UploadId>u</UploadId></R>"
        return 200, text.replace("R ", "InitiateMultipartUploadResult ").replace(
            "/R", "/InitiateMultipartUploadResult"
        ).encode()
    if "uploadId" in query:
        return _part(bucket, method, key, query, body)
    if "list-type" in query:
        return 200, _listed(bucket, query)
    if method == "PUT":
        bucket.objects[key] = body
    if method == "DELETE":
        bucket.objects.pop(key, None)
        return 204, b""
    if method == "GET" and key not in bucket.objects:
        return 404, b"<Error><Code>NoSuchKey</Code></Error>"
    return 200, bucket.objects.get(key, b"") if method == "GET" else b""


def _part(
    bucket: Bucket, method: str, key: str, query: dict[str, list[str]], body: bytes
) -> tuple[int, bytes]:
    if method == "PUT":
        number = int(query["partNumber"][0])
        if bucket.refused_part and number >= bucket.refused_part:
            return 403, b"<Error><Code>AccessDenied</Code></Error>"
        bucket.uploads[key][number] = body
        return 200, b""
    parts = bucket.uploads.pop(key)
    if method == "POST":
        bucket.objects[key] = b"".join(parts[number] for number in sorted(parts))
        name = "CompleteMultipartUploadResult"
        return 200, f"<{name} {_NAMESPACE}><Key>{key}</Key></{name}>".encode()
    return 204, b""


def _listed(bucket: Bucket, query: dict[str, list[str]]) -> bytes:
    found = sorted(key for key in bucket.objects if key.startswith(query["prefix"][0]))
    start = int(query.get("continuation-token", ["0"])[0])
    page, more = found[start : start + PAGE], len(found) > start + PAGE
    keys = "".join(f"<Contents><Key>{key}</Key></Contents>" for key in page)
    token = f"<NextContinuationToken>{start + PAGE}</NextContinuationToken>" if more else ""
    told = f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}{keys}"
    return f"<ListBucketResult {_NAMESPACE}>{told}</ListBucketResult>".encode()
