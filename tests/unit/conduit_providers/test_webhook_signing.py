"""The signature of webhooks."""

import base64
import hashlib
import hmac

import pytest

from conduit_providers.webhook_signing import new_secret, signed_headers

# From the specification's own example of a secret.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # of the specification
BODY = b'{"test": 2432232314}'


def test_the_signature_is_the_one_that_receivers_compute() -> None:
    """The example of the Standard Webhooks libraries comes out."""
    headers = dict(signed_headers(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, BODY))
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["webhook-id"] == "msg_p5jXN8AQM9LWM0D4loKWxJek"
    assert headers["webhook-timestamp"] == "1614265330"


@pytest.mark.parametrize(
    ("name", "timestamp", "body"),
    [("msg_2", 1, b"a"), ("msg_1", 2, b"a"), ("msg_1", 1, b"b"), ("msg_1", 1, b"\xff%s")],
)
def test_all_that_is_sent_is_signed(name: str, timestamp: int, body: bytes) -> None:
    """Name, time and body, whatever bytes it has."""
    known = dict(signed_headers(SECRET, "msg_1", 1, b"a"))["webhook-signature"]
    signature = dict(signed_headers(SECRET, name, timestamp, body))["webhook-signature"]
    assert signature != known
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    content = f"{name}.{timestamp}.".encode() + body
    expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    assert signature == f"v1,{expected}"


def test_secrets_are_never_the_same_and_as_long_as_receivers_want() -> None:
    """From 24 to 64 bytes, in base64."""
    made = {new_secret() for _ in range(100)}
    assert len(made) == 100
    for secret in made:
        assert secret.startswith("whsec_")
        assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 24


def test_headers_have_no_secret() -> None:
    """They are logged by whoever receives them."""
    shown = str(signed_headers(SECRET, "msg_1", 1, BODY))
    assert SECRET.removeprefix("whsec_") not in shown
