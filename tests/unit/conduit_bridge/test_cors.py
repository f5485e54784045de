"""What browsers are told before a page of another origin may read an answer."""

import pytest
from tests.support.exchanges import Caller, request_of

from conduit_bridge.cors import Cors
from conduit_kernel.http import Exchange, field_lines

APP = "https://app.example"
EXPOSE = b"access-control-expose-headers: x-request-id, x-conduit-cost\r\n"


def asked(path: str = "/v1/models", **fields: str) -> Exchange:
    """Return a request of a caller's."""
    exchange = request_of(Caller(), **fields)
    exchange.path = path
    return exchange


def cors(*origins: str) -> Cors:
    """Return the rules for these origins."""
    return Cors(origins, ("x-request-id", "x-conduit-cost"))


async def test_without_an_origin_nothing_is_said() -> None:
    """No page asks."""
    for rules in (cors("*"), cors(APP)):
        assert rules.lines(asked()) == b""
        assert rules.fields(asked()) == ()


async def test_every_page_may_read_where_all_may() -> None:
    """The answer is the same for all of them, so caches need not tell them apart."""
    lines = cors("*", APP).lines(asked(origin="https://any.example"))
    assert lines == b"access-control-allow-origin: *\r\n" + EXPOSE


async def test_only_a_named_origin_may_read() -> None:
    """Caches learn that the answer differs by it, for the others, too."""
    rules = cors(APP, "https://other.example")
    lines = rules.lines(asked(origin=APP))
    assert lines == b"access-control-allow-origin: https://app.example\r\nvary: origin\r\n" + EXPOSE
    for stranger in ("https://app.example.evil", "http://app.example", "null", "*", ""):
        assert rules.lines(asked(origin=stranger)) == b"vary: origin\r\n"


async def test_fields_say_what_lines_say() -> None:
    """In the form of answers that are written elsewhere."""
    for rules in (cors("*"), cors(APP)):
        for origin in (APP, "https://stranger.example"):
            exchange = asked(origin=origin)
            assert field_lines(rules.fields(exchange)) == rules.lines(exchange)


async def test_an_answer_to_what_could_not_be_read_is_for_all_or_nobody() -> None:
    """Its origin is not known."""
    assert dict(cors("*").blind_fields)[b"access-control-allow-origin"] == b"*"
    assert cors(APP).blind_fields == ()


async def test_a_browser_that_asks_hears_what_it_may_send() -> None:
    """As it asked; who does not ask as browsers do hears nothing."""
    rules = cors("*")
    asked = request_of(
        Caller(),
        "OPTIONS",
        access_control_request_method="POST",
        access_control_request_headers="x-conduit-options, authorization",
    )
    answer = dict(rules.preflight_fields(asked, b"POST"))
    assert answer[b"access-control-allow-methods"] == b"POST"
    assert answer[b"access-control-allow-headers"] == b"x-conduit-options, authorization"
    assert int(answer[b"access-control-max-age"]) > 0
    assert rules.preflight_fields(request_of(Caller(), "OPTIONS"), b"POST") == ()


@pytest.mark.parametrize("wanted", ["", "a\r\nset-cookie: b", "a;b", "ü", "a" * 2_049, "a\0"])
async def test_only_names_of_fields_are_said_back(wanted: str) -> None:
    """Anything else gets the fields that a key may travel in."""
    asked = request_of(
        Caller(),
        "OPTIONS",
        access_control_request_method="POST",
        access_control_request_headers=wanted,
    )
    answer = dict(cors("*").preflight_fields(asked, b"POST"))
    named = b"authorization, content-type, x-master-key"
    assert answer[b"access-control-allow-headers"] == named


@pytest.mark.parametrize(
    "path",
    ["/api/providers", "/api", "/%61pi/providers", "//api/providers", "/hubs/x", "/metrics", "/"],
)
async def test_no_page_reads_what_operators_ask_unless_it_is_named(path: str) -> None:
    """Keys are shown there, and all origins are allowed by default."""
    for origins, is_told in ((("*",), False), ((APP,), True)):
        exchange, rules = asked(path, origin=APP), cors(*origins)
        assert (b"access-control-allow-origin" in rules.lines(exchange)) is is_told
        assert field_lines(rules.fields(exchange)) == rules.lines(exchange)
