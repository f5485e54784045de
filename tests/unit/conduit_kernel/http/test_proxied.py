"""Requests that a proxy passed on."""

from tests.support.http_peers import TEXT, both_loops, calling, serving

from conduit_kernel.http import Answer, Exchange, Request
from conduit_kernel.trusted_proxies import read_trusted_proxies

BEHIND = read_trusted_proxies({"CONDUIT_TRUSTED_PROXIES": "127.0.0.1"})
BEHIND_ANOTHER = read_trusted_proxies({"CONDUIT_TRUSTED_PROXIES": "10.0.0.1"})
BY_RFC = read_trusted_proxies(
    {"CONDUIT_TRUSTED_PROXIES": "127.0.0.1", "CONDUIT_REAL_IP_HEADER": "forwarded"}
)


async def say_peer(exchange: Exchange) -> None:
    """Answer with the caller's address."""
    exchange.respond(200, TEXT, exchange.peer.encode())


def asking(*lines: str, body: bytes = b"") -> bytes:
    """Return a request with these lines in its head."""
    fields = "".join(f"{line}\r\n" for line in lines)
    head = f"POST / HTTP/1.1\r\nhost: x\r\n{fields}content-length: {len(body)}\r\n\r\n"
    return head.encode() + body


@both_loops
async def test_each_request_has_its_own_caller() -> None:
    """A proxy sends those of many on one connection, also where their heads are alike."""
    async with serving(say_peer, proxies=BEHIND) as server, calling(server) as proxy:
        for caller in ("203.0.113.9", "203.0.113.9", "203.0.113.8", "2001:db8::1", "203.0.113.9"):
            answer = await proxy.ask(asking(f"X-Forwarded-For: {caller}"))
            assert answer.body.decode() == caller
        assert (await proxy.ask(asking())).body == b"127.0.0.1"


@both_loops
async def test_a_field_that_came_twice_is_one_list() -> None:
    """A proxy that adds a field of its own leaves the caller's as it was."""
    async with serving(say_peer, proxies=BEHIND) as server, calling(server) as proxy:
        spoof = ("X-Forwarded-For: 198.51.100.1", "x-other: 1", "x-forwarded-for: 203.0.113.9")
        assert (await proxy.ask(asking(*spoof))).body == b"203.0.113.9"


@both_loops
async def test_whoever_is_no_proxy_is_believed_nothing() -> None:
    """Neither where there is none, nor where others are."""
    spoof = asking("X-Forwarded-For: 203.0.113.9", "Forwarded: for=203.0.113.9")
    async with serving(say_peer) as server, calling(server) as caller:
        assert (await caller.ask(spoof)).body == b"127.0.0.1"
    async with serving(say_peer, proxies=BEHIND_ANOTHER) as server, calling(server) as caller:
        assert (await caller.ask(spoof)).body == b"127.0.0.1"


@both_loops
async def test_only_the_way_that_was_named_is_believed() -> None:
    """A proxy passes the other field on as the caller wrote it."""
    both = asking("X-Forwarded-For: 203.0.113.9", "Forwarded: for=198.51.100.1")
    async with serving(say_peer, proxies=BEHIND) as server, calling(server) as proxy:
        assert (await proxy.ask(both)).body == b"203.0.113.9"
    async with serving(say_peer, proxies=BY_RFC) as server, calling(server) as proxy:
        assert (await proxy.ask(both)).body == b"198.51.100.1"


@both_loops
async def test_a_head_is_judged_by_its_caller() -> None:
    """Also before its body is there."""

    def judge(request: Request) -> Answer | None:
        return None if request.peer == "203.0.113.9" else (403, (), request.peer.encode())

    async with serving(say_peer, proxies=BEHIND, judge_head=judge) as server:
        async with calling(server) as proxy:
            answer = await proxy.ask(asking("x-forwarded-for: 203.0.113.9", body=b"x" * 70_000))
            assert answer.body == b"203.0.113.9"
        async with calling(server) as proxy:
            await proxy.send(asking("x-forwarded-for: 203.0.113.8", body=b"x" * 70_000)[:-1])
            answer = await proxy.answer()
            assert (answer.status, answer.body) == (403, b"203.0.113.8")
