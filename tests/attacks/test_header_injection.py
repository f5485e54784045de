"""Header injection: line ends in what callers and providers say, which would begin a field."""

import pytest
from tests.attacks.raw_http import answering, exchanged
from tests.support.suite import Suite

pytestmark = pytest.mark.asyncio(loop_scope="module")

ENDS = ("\r\n", "\n", "\r", "\0", "\x0b", "\x0c", "\x85", "%0d%0a", "\\r\\n", "\r\n ")
# Fields of callers that go into answers, logs, or on to providers.
FIELDS = (
    "X-Request-ID",
    "X-Conduit-Affinity-Key",
    "X-Conduit-Timeout",
    "OpenAI-Organization",
    "Idempotency-Key",
    "traceparent",
    "anthropic-version",
    "Origin",
    "User-Agent",
)
BODY = b'{"model": "injected", "messages": [{"role": "user", "content": "hello"}]}'
ANSWER = (
    b'{"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [{"index": 0,'
    b' "finish_reason": "stop", "message": {"role": "assistant", "content": "hi"}}]}'
)
# What a provider may put behind the value of a field.
ANSWERED = (
    b"x\rEvil: 1",
    b"x\nEvil: 1",
    b"x\r\n Evil: 1",
    b"x\r\nEvil: 1",
    b"x\0Evil: 1",
    b"\xc4\x8d\xc4\x8aEvil: 1",
    b"x" * 4000,
)


def head_of(answer: bytes) -> list[bytes]:
    """Return the lines of an answer's head, cut wherever a reader may cut them."""
    head = answer.partition(b"\r\n\r\n")[0].lower()
    return head.replace(b"\r", b"\n").split(b"\n")


async def add_provider(gateway: Suite, name: str, url: str) -> None:
    """Add an instance and its alias."""
    spec = {"name": name, "providerType": "OpenAI", "baseUrl": url}
    made = await gateway.call("POST", "/api/providers", spec)
    await gateway.call("POST", f"/api/providers/{made['id']}/keys", {"apiKey": "sk-any-0001"})
    mapping = {"modelAlias": name, "providerId": made["id"], "actualModelName": "m"}
    await gateway.call("POST", "/api/model-provider-mappings", mapping)


async def test_what_a_caller_says_is_no_field_of_the_answer_or_of_the_request(
    gateway: Suite,
) -> None:
    """A line's end in a value is refused; one that is only written like one stays a value."""
    heads: list[bytes] = []

    def answer(head: bytes) -> bytes:
        heads.append(head)
        return (
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
            % (
                len(ANSWER),
                ANSWER,
            )
        )

    async with answering(answer) as url:
        await add_provider(gateway, "injected", url)
        for field in FIELDS:
            for end in ENDS:
                lines = (
                    "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                    f"Authorization: Bearer {gateway.virtual_key}\r\n"
                    f"Content-Length: {len(BODY)}\r\n"
                    f"{field}: a{end}Evil: 1\r\n\r\n"
                )
                got = await exchanged(gateway.bridge.port, lines.encode("latin-1") + BODY)
                assert got.count(b"HTTP/1.1 ") == 1, (field, end, got[:200])
                assert not [each for each in head_of(got) if each.startswith(b"evil:")]
    assert not [each for head in heads for each in head_of(head) if each.startswith(b"evil:")]


async def test_what_a_provider_says_is_no_field_of_the_answer(gateway: Suite) -> None:
    """Its fields do not come through; those that are told have no line's end in them."""
    for number, value in enumerate(ANSWERED):
        for status in (b"200 OK", b"429 Slow", b"500 \rEvil: 1"):
            name = f"answered-{number}-{status[:3].decode()}"
            fields = b"".join(
                b"%b: %b\r\n" % (field, value)
                for field in (b"x-request-id", b"retry-after", b"openai-model", b"set-cookie")
            )
            raw = b"HTTP/1.1 %b\r\n%bcontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"

            def answer(
                _head: bytes, raw: bytes = raw, status: bytes = status, fields: bytes = fields
            ) -> bytes:
                return raw % (status, fields, len(ANSWER), ANSWER)

            async with answering(answer) as url:
                await add_provider(gateway, name, url)
                head = (
                    "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                    f"Authorization: Bearer {gateway.virtual_key}\r\nX-Conduit-Max-Attempts: 1\r\n"
                )
                body = BODY.replace(b"injected", name.encode())
                got = await exchanged(
                    gateway.bridge.port,
                    f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body,
                )
            lines = head_of(got)
            assert got.startswith(b"HTTP/1.1 "), (name, got[:200])
            assert not [each for each in lines if each.startswith((b"evil:", b"set-cookie:"))]
