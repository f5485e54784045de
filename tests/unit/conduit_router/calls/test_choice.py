"""Where calls go that are not plain: other aliases, chosen instances, within what a key allows."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson
import pytest
from tests.support.call_bench import BODY, CALLER, Bench
from tests.support.snapshots import compiled, first, key, mapping, provider, snapshot

from conduit.v1 import decision_pb2
from conduit.v1.call_pb2 import CallOptions
from conduit.v1.fallback_chain_pb2 import FallbackChain
from conduit.v1.routing_policy_pb2 import BALANCING_STRATEGY_ROUND_ROBIN
from conduit_kernel.errors import AccountUnavailable, InvalidRequest, ModelNotAllowed
from conduit_kernel.not_found_errors import ModelNotFound
from conduit_providers.operations.chat import OPERATION, chat_request
from conduit_router.calls.call_scope import CallScope, admit
from conduit_router.context import CallerContext
from conduit_router.routing.table import Caller

LIMITED = CallerContext(
    Caller(1, is_enabled=True, expires_at=1e18, allowed=("gpt", "large*")), "req_1", ""
)
Served = tuple[str, int, str]


class Chats:
    """Chats over three aliases: `gpt` and `large` of two instances each, `secret` of one."""

    def __init__(self, folder: Path) -> None:
        self.bench = Bench(folder)
        providers = [provider(i, name=f"Prov {i}", priority=i) for i in (1, 2, 3)]
        mappings = [
            mapping(1, 1),
            mapping(2, 2),
            mapping(3, 2, model_alias="large", actual_model_name="big"),
            mapping(4, 3, model_alias="large", actual_model_name="big"),
            mapping(5, 3, model_alias="secret"),
        ]
        table = compiled(snapshot(providers, mappings=mappings))
        self.bench.runtime.apply(first(table))

    def admit(
        self, options: CallOptions | None = None, caller: CallerContext = CALLER, **members: object
    ) -> CallScope:
        """Admit a chat of `gpt`."""
        message = {"role": "user", "content": "hello"}
        body = orjson.dumps({"model": "gpt", "messages": [message], **members})
        form = chat_request(json=body)
        return admit(self.bench.runtime, OPERATION, form, options, caller, stream=False)

    def served(
        self, options: CallOptions | None = None, caller: CallerContext = CALLER, **members: object
    ) -> list[Served]:
        """Return alias, instance and model of each candidate, in order."""
        decision = self.admit(options, caller, **members).plan.decision
        return [
            (each.alias or "gpt", each.candidate.provider_id, each.candidate.model)
            for each in decision.candidates
        ]


OWN: list[Served] = [("gpt", 1, "model-1"), ("gpt", 2, "model-2")]
LARGE: list[Served] = [("large", 2, "big"), ("large", 3, "big")]
SECRET: list[Served] = [("secret", 3, "model-3")]


@pytest.fixture
def chats(tmp_path: Path) -> Iterator[Chats]:
    """Return a runtime with the three aliases."""
    made = Chats(tmp_path)
    yield made
    made.bench.spool.close()


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ([], OWN),
        (["large"], OWN + LARGE),
        (["secret", "large"], OWN + SECRET + LARGE),
        (["gpt", "large", "large"], OWN + LARGE),
    ],
)
def test_fallbacks_come_behind_the_model_in_their_order(
    chats: Chats, named: list[str], expected: list[Served]
) -> None:
    """Each once, alike in the body and in the options."""
    assert chats.served(fallbacks=named) == expected
    assert chats.served(CallOptions(fallbacks=named)) == expected


def test_only_calls_of_an_alias_take_turns_at_it(tmp_path: Path) -> None:
    """Who only falls back to it, decides once more, or asks where it would go, takes nobody's."""
    bench = Bench(tmp_path)
    mappings = [mapping(1, 1), mapping(2, 2), mapping(3, 3, model_alias="other")]
    chain = FallbackChain(
        id=1, model_alias="gpt", is_enabled=True, strategy=BALANCING_STRATEGY_ROUND_ROBIN
    )
    providers = [provider(i) for i in (1, 2, 3)]
    bench.runtime.apply(first(compiled(snapshot(providers, mappings=mappings, chains=[chain]))))

    def served(model: str, seed: int = 1) -> list[int]:
        message = {"role": "user", "content": "hello"}
        form = chat_request(json=orjson.dumps({"model": model, "messages": [message]}))
        options = CallOptions(fallbacks=["gpt"], seed=seed)
        scope = admit(bench.runtime, OPERATION, form, options, CALLER, stream=False)
        order = [each.candidate.provider_id for each in scope.plan.decision.candidates]
        assert scope.decide_again()
        assert [each.candidate.provider_id for each in scope.plan.decision.candidates] == order
        return order

    behind, asked = Counter[int](), list[int]()
    for seed in range(200):
        behind[served("other", seed)[1]] += 1
        asked.append(served("gpt")[0])
    assert asked == [1, 2] * 100
    # Of a fair coin that is what comes of it but once in ten thousand times.
    assert 70 < behind[1] < 130
    bench.spool.close()


def test_no_provider_sees_the_fallbacks(chats: Chats) -> None:
    """The other members stay as they were written."""
    scope = chats.admit(fallbacks=["large"], temperature=1.0, seed=2**60 + 1)
    sent = orjson.loads(scope.form.json)
    assert list(sent) == ["model", "messages", "temperature", "seed"]
    assert b'"temperature":1.0' in scope.form.json
    assert sent["seed"] == 2**60 + 1
    for empty in (b"null", b"[]"):
        body = BODY.replace(b"{", b'{"fallbacks":%b,' % empty, 1)
        scope = admit(
            chats.bench.runtime, OPERATION, chat_request(json=body), None, CALLER, stream=False
        )
        assert scope.form.json == BODY


def test_a_key_uses_no_other_model_by_a_fallback(chats: Chats) -> None:
    """Whether there is such a model or not, and wherever it is named."""
    assert chats.served(caller=LIMITED, fallbacks=["large"]) == OWN + LARGE
    for name in ("secret", "nothing"):
        for options, members in (
            (CallOptions(fallbacks=["large", name]), {}),
            (None, {"fallbacks": [name]}),
        ):
            with pytest.raises(ModelNotAllowed, match=name):
                chats.served(options, LIMITED, **members)


def test_a_fallback_that_is_nothing_is_told(chats: Chats) -> None:
    """As the model itself would be."""
    with pytest.raises(ModelNotFound, match="nothing"):
        chats.served(fallbacks=["nothing"])


@pytest.mark.parametrize(
    "value",
    [
        "large",
        7,
        {"a": 1},
        [1],
        [None],
        [["large"]],
        [""],
        ["x" * 201],
        ["large"] * 17,
        [f"m{i}" for i in range(10_000)],
    ],
    ids=lambda value: repr(value)[:20],
)
def test_fallbacks_that_are_no_names_or_too_many_are_refused(chats: Chats, value: object) -> None:
    """Before any of them is looked up."""
    with pytest.raises(InvalidRequest) as caught:
        chats.served(fallbacks=value)
    assert caught.value.metadata["field"] == "fallbacks"
    assert len(caught.value.message) < 200


@pytest.mark.parametrize("named", [["Prov 2"], [" pROV 2 "], ["2"], ["nobody", "2"]])
def test_a_caller_narrows_the_instances(chats: Chats, named: Sequence[str]) -> None:
    """By name or id; those that are left out are said to be."""
    decision = chats.admit(CallOptions(providers=named, fallbacks=["large"])).plan.decision
    assert [each.candidate.provider_id for each in decision.candidates] == [2, 2]
    reasons = {each.provider_id: each.reason for each in decision.rejections}
    assert reasons == dict.fromkeys((1, 3), decision_pb2.REJECTION_REASON_NOT_REQUESTED)


@pytest.mark.parametrize(
    "named",
    [["nobody"], ["3"], ["999999999999999999999"], ["x" * 201], ["1"] * 10_000],
    ids=lambda value: repr(value)[:20],
)
def test_instances_that_do_not_serve_the_model_are_refused(
    chats: Chats, named: Sequence[str]
) -> None:
    """As are too many, and names that can be none."""
    with pytest.raises(InvalidRequest) as caught:
        chats.served(CallOptions(providers=named))
    assert caught.value.metadata["field"] == "providers"


def test_an_affinity_key_has_a_bounded_length(chats: Chats) -> None:
    """Also where no policy asks for it, once anything else is wished for."""
    longest = CallOptions(affinity_key="x" * 256, fallbacks=["large"])
    assert chats.served(longest) == OWN + LARGE
    longest.affinity_key += "x"
    with pytest.raises(InvalidRequest) as caught:
        chats.served(longest)
    assert caught.value.metadata["field"] == "affinity_key"


NAME = "projects/ours/locations/global/cachedContents/4711"


@pytest.mark.parametrize(
    "members",
    [
        {"cachedContent": NAME},
        {"cached_content": NAME},
        {"extra_body": {"google": {"cached_content": NAME}}},
        {"extra_body": {"google": {"cachedContent": NAME}}},
    ],
)
def test_cached_content_binds_a_chat_to_its_project(
    tmp_path: Path, members: dict[str, object]
) -> None:
    """In each spelling that reaches its provider; without it, or by its short name, to none."""
    bench = Bench(tmp_path)
    settings = ({"project": "theirs"}, {"project": "ours"})
    providers = [
        provider(i, "", provider_type="VertexAI", priority=i, settings=each)
        for i, each in enumerate(settings, 1)
    ]
    providers.append(provider(3, priority=3))
    keys, mappings = [key(i, i) for i in (1, 2, 3)], [mapping(i, i) for i in (1, 2, 3)]
    bench.runtime.apply(first(compiled(snapshot(providers, keys, mappings))))

    options = CallOptions()

    def served(**more: object) -> list[int]:
        message = {"role": "user", "content": "hello"}
        form = chat_request(json=orjson.dumps({"model": "gpt", "messages": [message], **more}))
        scope = admit(bench.runtime, OPERATION, form, options, CALLER, stream=False)
        return [each.candidate.provider_id for each in scope.plan.decision.candidates]

    assert served(**members) == [2]
    for other in (None, 5, "cachedContents/4711"):
        assert served(cachedContent=other) == [1, 2, 3]
        assert served(extra_body=other) == served(extra_body={"google": other}) == [1, 2, 3]
    assert served() == [1, 2, 3]
    with pytest.raises(AccountUnavailable, match="another account"):
        served(cachedContent=NAME.replace("ours", "nobodys"))
    # Both names must be of one account.
    options.account_key_id = "key_2"
    assert served(**members) == [2]
    options.account_key_id = "key_1"
    with pytest.raises(AccountUnavailable, match="another account"):
        served(**members)
    bench.spool.close()
