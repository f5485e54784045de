"""The command `conduit chat`: a question to a running gateway, its answer as it comes."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from conduit_cli.gateway import Gateway, GatewayError, error_in
from conduit_cli.keys import VIRTUAL, KeyFile
from conduit_cli.layout import ADDRESS_FILE

DEFAULT_URL = "http://127.0.0.1:8080"
# The longest silence in an answer.
SILENCE_SECONDS = 120.0


class NoKey(Exception):
    """There is no virtual key to call with."""


def find_gateway(
    url: str | None, key: str | None, data_dir: Path, env: Mapping[str, str]
) -> Gateway:
    """Return the gateway to ask: as asked for, else as the environment says, else the local one.

    NoKey without a virtual key; ValueError for a URL that is none.
    """
    address = data_dir / ADDRESS_FILE
    local = address.read_text("utf-8").strip() if address.exists() else DEFAULT_URL
    key = key or env.get("CONDUIT_API_KEY") or str(KeyFile(data_dir).read().get(VIRTUAL, ""))
    if not key:
        raise NoKey(
            f"No virtual key: {data_dir} has none. Give one with --key or CONDUIT_API_KEY, "
            "or say with --data-dir where the gateway keeps its data."
        )
    headers = {"authorization": f"Bearer {key}"}
    return Gateway(url or env.get("CONDUIT_URL") or local, headers, SILENCE_SECONDS)


def answer(gateway: Gateway, model: str, text: str) -> Iterator[str]:
    """Yield the pieces of a model's answer.

    GatewayError if there is an error, also in the middle; OSError if the connection fails, also
    when the answer ends without its end; ValueError for what is no answer of a gateway.
    """
    body = {"model": model, "messages": [{"role": "user", "content": text}], "stream": True}
    for data in gateway.events("/v1/chat/completions", body):
        if data == "[DONE]":
            return
        event = json.loads(data)
        if not isinstance(event, dict):
            raise ValueError("an event is no object")  # noqa: TRY004 # of what was sent, not of ours
        if error := error_in(event):
            raise error
        # Providers may send null where there is nothing.
        for choice in event.get("choices") or ():
            if piece := (choice.get("delta") or {}).get("content"):
                yield piece
    raise ConnectionError("the answer broke off")


def models(gateway: Gateway) -> list[str]:
    """Return the aliases that the key may use; none if they cannot be had."""
    try:
        return [str(model["id"]) for model in gateway.call("GET", "/v1/models").get("data", ())]
    except (GatewayError, OSError):
        return []
