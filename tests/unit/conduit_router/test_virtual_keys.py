"""Who may call, with which models, and how often at a time."""

import random
from contextlib import suppress
from hashlib import sha256

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from tests.support.snapshots import ENCRYPTION_KEY, compiled, first, provider, snapshot, virtual_key

from conduit_kernel.errors import (
    ConduitError,
    ModelNotAllowed,
    TooManyCalls,
    VirtualKeyDisabled,
    VirtualKeyInvalid,
    VirtualKeyMissing,
)
from conduit_kernel.secrets import Vault
from conduit_router.virtual_keys import CallsUnderWay, VirtualKeys, check_model, may_use


def identities() -> VirtualKeys:
    """Return the knowledge of four callers; it is 1,000 s past 1970."""
    known = VirtualKeys(Vault(ENCRYPTION_KEY), lambda: 1000.0)
    keys = [
        virtual_key("condt_good", 1),
        virtual_key("condt_off", 2, is_enabled=False),
        virtual_key("condt_old", 3, expires_at=Timestamp(seconds=999)),
        virtual_key("condt_some", 4, allowed_models=["gpt-4*", "echo"]),
    ]
    known.apply(first(compiled(snapshot([provider(1)], virtual_keys=keys))))
    return known


def test_a_good_key_is_known_again() -> None:
    """Also the second time, when it is not hashed any more."""
    known = identities()
    assert known.identify("Bearer condt_good") is known.identify("Bearer condt_good")
    assert known.identify("bearer  condt_good").virtual_key_id == 1


@pytest.mark.parametrize(
    ("authorization", "error"),
    [
        ("", VirtualKeyMissing),
        ("Bearer ", VirtualKeyMissing),
        ("Basic abc", VirtualKeyMissing),
        ("Bearer condt_other", VirtualKeyInvalid),
        ("Bearer condt_off", VirtualKeyDisabled),
        ("Bearer condt_old", VirtualKeyDisabled),
    ],
)
def test_others_are_refused(authorization: str, error: type[ConduitError]) -> None:
    """Each with its own reason, and without the key in the message."""
    with pytest.raises(error) as refused:
        identities().identify(authorization)
    assert "condt_" not in str(refused.value)


def test_a_key_that_another_gateway_made_is_known_by_its_sha256() -> None:
    """Its holders keep it; nobody is known by the hash itself."""
    known = VirtualKeys(Vault(ENCRYPTION_KEY), lambda: 1000.0)
    key = virtual_key("condt_none", 1)
    key.hash = sha256(b"sk-of-another-gateway").digest()
    known.apply(first(compiled(snapshot([provider(1)], virtual_keys=[key]))))
    for _ in range(2):
        assert known.identify("Bearer sk-of-another-gateway").virtual_key_id == 1
    for other in ("condt_none", "sk-of-another-gatewa", key.hash.hex()):
        with pytest.raises(VirtualKeyInvalid):
            known.identify(f"Bearer {other}")


def test_a_deleted_key_is_forgotten_at_once() -> None:
    """A key that was used before is refused as soon as the table no longer has it."""
    known = identities()
    known.identify("Bearer condt_good")
    known.apply(first(compiled(snapshot([provider(1)], virtual_keys=[]))))
    with pytest.raises(VirtualKeyInvalid):
        known.identify("Bearer condt_good")


def test_a_caller_is_known_by_the_id_as_well() -> None:
    """By which a batch knows its maker, with the same refusals."""
    known = identities()
    assert known.caller_with_id(1) is known.identify("Bearer condt_good")
    for number, error in ((2, VirtualKeyDisabled), (3, VirtualKeyDisabled), (9, VirtualKeyInvalid)):
        with pytest.raises(error):
            known.caller_with_id(number)


def replaced(**fields: object) -> VirtualKeys:
    """Return the knowledge of one key, whose value before was `condt_former`."""
    known = VirtualKeys(Vault(ENCRYPTION_KEY), lambda: 1000.0)
    key = virtual_key("condt_present", 1, **fields)
    key.former_hash = Vault(ENCRYPTION_KEY).hash("condt_former")
    known.apply(first(compiled(snapshot([provider(1)], virtual_keys=[key]))))
    return known


def test_a_former_value_is_its_keys_for_the_grace_time() -> None:
    """With all that the key may do, and what it spends: it is the same key."""
    until = Timestamp(seconds=1001)
    known = replaced(former_key_until=until, allowed_models=["echo"], max_attempts=2)
    present, former = known.identify("Bearer condt_present"), known.identify("Bearer condt_former")
    assert former.virtual_key_id == present.virtual_key_id == 1
    assert (former.allowed, former.caps) == (present.allowed, present.caps)
    assert former.expires_at == 1001.0
    # What is made with either, such as client secrets, is the present value's.
    assert known.hash_of(former) == known.hash_of(present)


@pytest.mark.parametrize(
    "fields",
    [
        {"former_key_until": Timestamp(seconds=1000)},
        {"former_key_until": Timestamp(seconds=2000), "expires_at": Timestamp(seconds=1000)},
        {"former_key_until": Timestamp(seconds=2000), "is_enabled": False},
        {},
    ],
)
def test_a_former_value_ends_with_its_grace_time_and_with_its_key(
    fields: dict[str, object],
) -> None:
    """Whichever comes first; one of which nobody says until when is taken no more."""
    with pytest.raises(VirtualKeyDisabled):
        replaced(**fields).identify("Bearer condt_former")


def test_models_are_allowed_by_pattern() -> None:
    """A star stands for any run of characters; no list means all."""
    known = identities()
    some, good = known.identify("Bearer condt_some"), known.identify("Bearer condt_good")
    assert [may_use(some, m) for m in ("gpt-4o", "echo", "gpt-3")] == [True, True, False]
    assert may_use(good, "anything")
    with pytest.raises(ModelNotAllowed):
        check_model(some, "gpt-3")


def test_a_key_made_under_a_former_encryption_key_stays_valid() -> None:
    """As long as that key is still listed."""
    table = compiled(snapshot([provider(1)], virtual_keys=[virtual_key("condt_good")]))
    known = VirtualKeys(Vault(bytes(32), ENCRYPTION_KEY), lambda: 1000.0)
    known.apply(first(table))
    assert known.identify("Bearer condt_good").virtual_key_id == 1
    alone = VirtualKeys(Vault(bytes(32)), lambda: 1000.0)
    alone.apply(first(table))
    with pytest.raises(VirtualKeyInvalid):
        alone.identify("Bearer condt_good")


@pytest.mark.parametrize("seed", range(20))
def test_no_key_has_more_calls_under_way_than_it_may(seed: int) -> None:
    """In any order of beginnings and ends; nothing is left of calls that are over."""
    chance, under_way = random.Random(seed), CallsUnderWay(3)  # noqa: S311 # the same each time
    open_calls: list[int] = []
    for _ in range(500):
        key = chance.randrange(4)
        if chance.random() < 0.45 and open_calls:
            under_way.end(open_calls.pop(chance.randrange(len(open_calls))))
        elif open_calls.count(key) == 3:
            with pytest.raises(TooManyCalls):
                under_way.check(key)
        else:
            under_way.check(key)
            under_way.begin(key)
            open_calls.append(key)
        assert under_way.count == len(open_calls)
        assert under_way.full == {key for key in open_calls if open_calls.count(key) == 3}
    for key in open_calls:
        under_way.end(key)
    assert (under_way.count, under_way.full) == (0, set())


def test_whoever_waits_without_a_call_holds_a_place() -> None:
    """While it lasts, and not behind an error; one that finds none takes none away."""
    under_way = CallsUnderWay(1)
    with suppress(KeyError), under_way.one_of(1):
        with pytest.raises(TooManyCalls), under_way.one_of(1):
            pass
        assert under_way.count == 1
        raise KeyError
    assert under_way.count == 0


def test_without_a_number_there_may_be_any() -> None:
    """Zero is none."""
    under_way = CallsUnderWay(0)
    for _ in range(10_000):
        under_way.begin(1)
    assert not under_way.full
    assert under_way.count == 10_000
