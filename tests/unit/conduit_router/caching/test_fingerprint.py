"""Two calls have one answer only where nothing that it depends on differs."""

import pytest
from msgspec.structs import replace
from tests.support.call_bench import CALLER
from tests.support.snapshots import ALIAS, compiled, key, provider, snapshot

from conduit.v1.cache_policy_pb2 import CACHE_SCOPE_ALL, CACHE_SCOPE_GROUP
from conduit.v1.call_pb2 import CallOptions
from conduit_providers.operation import AnyOperation, Requirements
from conduit_providers.operations import operation
from conduit_router.caching.fingerprint import asked_of
from conduit_router.routing.cache_policy import CachePolicy
from conduit_router.routing.table import Caller, Route

ASKED = b'{"model":"gpt","messages":[{"role":"user","content":"hi"}],"temperature":0.5}'
POLICY = CachePolicy()


def route(url: str = "http://127.0.0.1:1/v1") -> Route:
    """Return a route to one instance."""
    return compiled(snapshot([provider(1, url)], keys=[key(1, 1)])).routes[ALIAS]


ROUTE = route()


def of(
    body: bytes = ASKED,
    name: str = "chat",
    *,
    model: str = "gpt",
    stream: bool = False,
    resource: str = "",
    caller: Caller = CALLER.caller,
    options: CallOptions | None = None,
    policy: CachePolicy = POLICY,
    to: Route = ROUTE,
) -> bytes | None:
    """Return the fingerprint of a call."""
    found: AnyOperation | None = operation(name)
    assert found is not None
    asked = Requirements(model, found.name, stream, resource=resource)
    made = asked_of(found, asked, body, caller=caller, options=options, policy=policy, route=to)
    return None if made is None else made.fingerprint


def test_the_same_is_asked_in_whatever_order_it_is_written() -> None:
    """Members, blanks and escapes do not matter, nor does whether the body says that it streams."""
    other = (
        b' { "temperature": 0.50,"messages": [{"content":"h\\u0069","role":"user"}],"model":"gpt" }'
    )
    assert of(other) == of() is not None
    assert of(ASKED[:-1] + b',"stream":false}') == of()


@pytest.mark.parametrize(
    "other",
    [
        lambda: of(ASKED.replace(b"hi", b"Hi")),
        lambda: of(ASKED.replace(b"0.5", b"0.6")),
        lambda: of(model="gpt-other"),
        lambda: of(stream=True),
        lambda: of(name="completion"),
        lambda: of(caller=replace(CALLER.caller, virtual_key_id=2)),
        lambda: of(options=CallOptions(strict_parameters=True)),
        lambda: of(options=CallOptions(providers=["a"])),
        lambda: of(options=CallOptions(betas=["b"])),
        lambda: of(policy=CachePolicy(version="2")),
        lambda: of(policy=CachePolicy(scope=CACHE_SCOPE_ALL)),
        lambda: of(to=route("http://127.0.0.1:2/v1")),
    ],
)
def test_whatever_an_answer_depends_on_tells_calls_apart(other) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001 # one of the above
    """The request, who asks, in which words, and who would answer."""
    assert other() is not None
    assert other() != of()


def test_time_and_reports_do_not() -> None:
    """They change nothing of an answer."""
    options = CallOptions(max_attempts=2, trace=True, affinity_key="s", cache="max-age=5")
    assert of(options=options) == of()


def test_keys_of_a_group_share_where_the_policy_says_so() -> None:
    """A key without a group shares with nobody, and who is not served by all has none of theirs."""
    policy, mine = CachePolicy(scope=CACHE_SCOPE_GROUP), CALLER.caller
    one, two = (replace(mine, virtual_key_id=i, group_id=7) for i in (1, 2))
    assert of(caller=one, policy=policy) == of(caller=two, policy=policy)
    assert of(caller=replace(two, group_id=8), policy=policy) != of(caller=one, policy=policy)
    alone = [of(caller=replace(mine, virtual_key_id=i), policy=policy) for i in (1, 2)]
    assert alone[0] != alone[1]
    everybody = CachePolicy(scope=CACHE_SCOPE_ALL)
    assert of(caller=one, policy=everybody) == of(caller=mine, policy=everybody)
    bound = replace(mine, providers=("openai",))
    assert of(caller=bound, policy=everybody) != of(caller=mine, policy=everybody)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        # Who reads the first of two members would be given what was answered to the second.
        ("chat", b'{"model":"gpt","messages":[1],"messages":[2]}'),
        ("chat", b'{"model":"gpt","messages":[{"content":"a","content":"b"}]}'),
        ("chat", b'{"model":"gpt","temperature":NaN}'),
        ("chat", b'{"model":"gpt","messages":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
        ("chat", b"[]"),
        ("chat", b"{"),
        ("chat", b'{"model":"gpt","store":true}'),
        ("image", b'{"model":"gpt","prompt":"a"}'),
        ("message_count", b'{"model":"gpt"}'),
        ("message", b'{"model":"gpt","container":"c_1"}'),
        ("message", b'{"model":"gpt","mcp_servers":[{"url":"a"}]}'),
        ("response", b'{"model":"gpt","input":"a"}'),
        ("response", b'{"model":"gpt","input":"a","store":null}'),
        ("response", b'{"model":"gpt","input":"a","store":false,"previous_response_id":"r"}'),
        ("response", b'{"model":"gpt","input":"a","store":false,"conversation":"c"}'),
    ],
)
def test_what_is_ambiguous_or_leaves_something_behind_has_none(name: str, body: bytes) -> None:
    """Nothing of it is kept."""
    assert of(body, name) is None


def test_what_is_bound_to_an_account_has_none() -> None:
    """By an option, or by something that only the account has."""
    assert of(options=CallOptions(account_key_id="key_1")) is None
    assert of(resource="cachedContents/1") is None
    assert of(b'{"model":"gpt","input":"a","store":false}', "response") is not None
