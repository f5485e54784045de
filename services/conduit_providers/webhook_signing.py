"""The signature of webhooks, see https://www.standardwebhooks.com. Pure but for chance."""

import base64
import hmac
import secrets

from conduit_providers.wire import Headers

PREFIX = "whsec_"
SECRET_BYTES = 24


def new_secret() -> str:
    """Return a fresh secret, as receivers' libraries take it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signed_headers(secret: str, name: str, timestamp: int, body: bytes) -> Headers:
    """Return the headers of a delivery.

    `name` is the same for each attempt, so that a receiver knows what it has; `timestamp`, of the
    attempt, in seconds since 1970.
    """
    key = base64.b64decode(secret.removeprefix(PREFIX))
    content = b"%b.%d.%b" % (name.encode(), timestamp, body)
    signature = base64.b64encode(hmac.digest(key, content, "sha256")).decode()
    return (
        ("content-type", "application/json"),
        ("user-agent", "Conduit-Webhooks/1"),
        ("webhook-id", name),
        ("webhook-timestamp", str(timestamp)),
        ("webhook-signature", f"v1,{signature}"),
    )
