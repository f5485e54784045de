"""Encryption keys that AWS KMS has wrapped, against a server that answers as its reference says.

`make kms` asks moto's KMS the same.
"""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from conduit_cli.key_services.aws_kms import CONTEXT, AwsKms
from conduit_cli.key_services.service import KeyReferenceWrong, KeyServiceFailed

KEY = bytes(range(32))
ARN = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


@contextmanager
def answering(monkeypatch: pytest.MonkeyPatch, status: int, answer: object) -> Iterator[list[Any]]:
    """Run a KMS that gives each request the same answer; yield those that came."""
    asked: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the base's name
            body = self.rfile.read(int(self.headers["content-length"]))
            asked.append((self.headers["x-amz-target"], json.loads(body), self.headers))
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/x-amz-json-1.1")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-the-machine")
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield asked
        finally:
            server.shutdown()
            thread.join()


def test_a_key_is_opened_by_its_own_key_and_context(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the API reference has it, signed for the ARN's region."""
    answer = {"KeyId": ARN, "Plaintext": base64.b64encode(KEY).decode()}
    with answering(monkeypatch, 200, answer) as asked:
        assert AwsKms.of(ARN).unwrap("AQICAHg=") == KEY
    [(target, body, headers)] = asked
    assert target == "TrentService.Decrypt"
    assert body == {"KeyId": ARN, "EncryptionContext": CONTEXT, "CiphertextBlob": "AQICAHg="}
    assert "/eu-central-1/kms/aws4_request" in headers["authorization"]


def test_a_key_is_wrapped_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """In base64, so that it fits into a setting."""
    answer = {"KeyId": ARN, "CiphertextBlob": "AQICAHg="}
    with answering(monkeypatch, 200, answer) as asked:
        assert AwsKms.of(ARN).wrap(KEY) == "AQICAHg="
    [(target, body, _)] = asked
    assert target == "TrentService.Encrypt"
    assert base64.b64decode(body["Plaintext"]) == KEY


@pytest.mark.parametrize(
    ("status", "answer", "told"),
    [
        (400, {"__type": "AccessDeniedException", "message": "not you"}, "AccessDenied.* not you"),
        (400, {"__type": "InvalidCiphertextException"}, "InvalidCiphertext"),
        (200, {"KeyId": ARN}, "has no Plaintext"),
    ],
)
def test_a_refusal_is_told(
    monkeypatch: pytest.MonkeyPatch, status: int, answer: object, told: str
) -> None:
    """With the reason, and without the machine's own credentials."""
    with (
        answering(monkeypatch, status, answer),
        pytest.raises(KeyServiceFailed, match=told) as refused,
    ):
        AwsKms.of(ARN).unwrap("AQICAHg=")
    assert "secret-of-the-machine" not in str(refused.value)


def test_what_is_no_base64_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reference that was cut, perhaps."""
    with (
        answering(monkeypatch, 200, {}) as asked,
        pytest.raises(KeyServiceFailed, match="no base64"),
    ):
        AwsKms.of(ARN).unwrap("AQ%")
    assert asked == []


@pytest.mark.parametrize(
    "arn",
    ["", "alias/conduit", "arn:aws:kms:eu-central-1:1:key/a", f"{ARN}:x", "arn:aws:s3:a:b:key/c"],
)
def test_what_is_no_arn_is_told(arn: str) -> None:
    """It names the region, so that nothing else has to."""
    with pytest.raises(KeyReferenceWrong, match="ARN"):
        AwsKms.of(arn)


@pytest.mark.parametrize("part", ["aws", "aws-cn", "aws-us-gov"])
def test_keys_and_aliases_of_all_partitions_are_known(
    monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """An alias may lead to another key later, which the next wrapping uses."""
    answer = {"Plaintext": base64.b64encode(KEY).decode()}
    with answering(monkeypatch, 200, answer):
        arn = f"arn:{part}:kms:eu-central-1:111122223333:alias/conduit"
        assert AwsKms.of(arn).unwrap("AQICAHg=") == KEY
