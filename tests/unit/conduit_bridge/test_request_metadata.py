"""What of an HTTP request its RPC is told, and nothing else of it."""

import time

import pytest
from tests.support.exchanges import Caller, request_of

from conduit_bridge.request_metadata import (
    credentials_of,
    metadata_of,
    request_id_of,
    text_of,
)
from conduit_kernel.ids import IdSource


def id_for(**fields: str) -> str:
    """Return the id of a request with these fields."""
    return request_id_of(request_of(Caller(), **fields), IdSource(time.time))


async def test_a_caller_may_name_its_request() -> None:
    """With anything that is printable and short."""
    for given in ("r-1", "a" * 128, "{}[]\"'"):
        assert id_for(x_request_id=f" {given}\t") == given


@pytest.mark.parametrize("given", ["", "a b", "a" * 129, "ü", "a\x7f", "a\r\nb: c", "\0"])
async def test_an_id_that_no_log_should_hold_is_replaced(given: str) -> None:
    """By one of ours, another one each time."""
    made = {id_for(x_request_id=given) for _ in range(3)}
    assert len(made) == 3
    assert all(each.startswith("req_") for each in made)


async def test_credentials_have_the_names_of_metadata() -> None:
    """Those that were sent, as they were sent."""
    assert credentials_of(request_of(Caller())) == {}
    anthropics = request_of(Caller(), x_api_key=" condt_a ")
    assert credentials_of(anthropics) == {"authorization": "Bearer condt_a"}
    assert credentials_of(request_of(Caller(), api_key="condt_z")) == {
        "authorization": "Bearer condt_z"
    }
    bearer = request_of(Caller(), x_api_key="b", authorization="Bearer a")
    assert credentials_of(bearer) == {"authorization": "Bearer a"}
    both = request_of(Caller(), authorization=" Bearer a ", x_master_key="m", cookie="c")
    assert credentials_of(both) == {"authorization": "Bearer a", "x-master-key": "m"}


@pytest.mark.parametrize(
    ("offered", "key"),
    [
        ("realtime, openai-insecure-api-key.condt_1, openai-beta.x", "condt_1"),
        ("openai-insecure-api-key.condt_1", "condt_1"),
        ("openai-insecure-api-key.a.b-c", "a.b-c"),
        ("realtime", None),
        ("openai-insecure-api-key.", None),
        ("not-openai-insecure-api-key.x", None),
        ("openai-insecure-api-key.\xfc", None),
    ],
)
async def test_a_page_says_its_key_as_a_subprotocol(offered: str, key: str | None) -> None:
    """Because its WebSocket can set no header."""
    found = credentials_of(request_of(Caller(), sec_websocket_protocol=offered))
    assert found == ({} if key is None else {"authorization": f"Bearer {key}"})


async def test_a_header_comes_before_a_subprotocol() -> None:
    """Whoever can set one means it."""
    exchange = request_of(
        Caller(), authorization="Bearer a", sec_websocket_protocol="openai-insecure-api-key.b"
    )
    assert credentials_of(exchange) == {"authorization": "Bearer a"}


async def test_metadata_are_credentials_id_and_address() -> None:
    """With what the bridge is believed by; no other field of the request leaves with it."""
    exchange = request_of(Caller(), authorization="Bearer a", cookie="c", x_conduit_peer="forged")
    assert metadata_of(exchange, "r-1", (("x-ours", "token"),)) == (
        ("x-ours", "token"),
        ("authorization", "Bearer a"),
        ("x-request-id", "r-1"),
        ("x-conduit-peer", "192.0.2.1"),
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b" a b\t", "a b"),
        (b"\xc3\xbc", "??"),
        (b"a\x00\x01b\x7f", "a??b?"),
        (b"", ""),
        (b"\xa0", "?"),
    ],
)
def test_what_metadata_cannot_hold_is_replaced(value: bytes, text: str) -> None:
    """GRPC would refuse the whole call for it."""
    assert text_of(value) == text
