"""Sessions of administrators: as many as there may be, and each with the role of the last login."""

import pytest
from tests.support.registry import Bench

from conduit.v1.role_pb2 import ROLE_OPERATOR, ROLE_UNSPECIFIED, ROLE_VIEWER, Role
from conduit_kernel.audit.author import Author
from conduit_registry.configuration import sessions as module
from conduit_registry.configuration.sessions import MAX_OF_PERSON, SessionEditor
from conduit_registry.store import ADMINISTRATOR_SESSION, Store
from conduit_registry.values import AdministratorSession

AUTHOR = Author("login/anna")


async def log_in(
    store: Store, subject: str = "anna", role: Role.ValueType = ROLE_VIEWER, seconds: int = 3600
) -> AdministratorSession | None:
    """Begin a session."""
    made = AdministratorSession(
        subject=subject,
        name=f"{subject} {subject}@example.com",
        role=role,
        address="203.0.113.7",
        expires_at=store.now() + seconds * 1_000_000,
    )
    async with store.change(AUTHOR) as changing:
        return await SessionEditor(changing).begin(made)


async def kept(store: Store) -> list[AdministratorSession]:
    """Return all that there are."""
    async with store.read() as reading:
        return await reading.every(ADMINISTRATOR_SESSION)


async def test_a_person_has_some_sessions_at_a_time(store: Store) -> None:
    """The oldest end: nobody is held out, and nothing grows."""
    await log_in(store, "berta")
    begun = [await log_in(store) for _ in range(MAX_OF_PERSON + 3)]
    berta, *own = await kept(store)
    assert berta.subject == "berta"
    assert own == begun[3:]


async def test_there_are_so_many_sessions_in_all(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest of the others end."""
    monkeypatch.setattr(module, "MAX_SESSIONS", 3)
    for subject in ("anna", "berta", "carla", "dora", "emma"):
        await log_in(store, subject)
    assert [each.subject for each in await kept(store)] == ["carla", "dora", "emma"]


async def test_all_of_a_persons_sessions_have_the_role_of_the_last_login(store: Store) -> None:
    """Whoever loses a group does not keep it in another browser; others are not touched."""
    await log_in(store, "berta", ROLE_OPERATOR)
    await log_in(store, role=ROLE_OPERATOR)
    await log_in(store, role=ROLE_VIEWER)
    assert [each.role for each in await kept(store)] == [ROLE_OPERATOR, ROLE_VIEWER, ROLE_VIEWER]


async def test_whoever_may_do_nothing_any_more_has_no_session(store: Store) -> None:
    """Not the former ones either."""
    await log_in(store, "berta")
    await log_in(store)
    assert await log_in(store, role=ROLE_UNSPECIFIED) is None
    assert [each.subject for each in await kept(store)] == ["berta"]


async def test_expired_sessions_are_removed(store: Store, bench: Bench) -> None:
    """With the next login, whoever's."""
    await log_in(store, seconds=60)
    await log_in(store, seconds=61)
    bench.clock.now += 60
    await log_in(store, "berta")
    assert [each.subject for each in await kept(store)] == ["anna", "berta"]


async def test_sessions_are_ended_by_id_and_by_person(store: Store) -> None:
    """Each once; ids that there are not are passed over."""
    for subject in ("anna", "anna", "berta", "carla"):
        await log_in(store, subject)
    numbers = [each.id for each in await kept(store)]
    async with store.change(AUTHOR) as changing:
        ended = await SessionEditor(changing).end([numbers[0], numbers[2], 99], "anna")
    assert sorted(each.id for each in ended) == numbers[:3]
    assert [each.subject for each in await kept(store)] == ["carla"]
    async with store.change(AUTHOR) as changing:
        assert await SessionEditor(changing).end([], "") == []


async def test_who_has_a_former_session_of_an_id_ends_no_other(store: Store) -> None:
    """An older database, put back, gives ids again."""
    begun = await log_in(store)
    assert begun is not None
    for began_at, left in ((begun.created_at - 1, 1), (begun.created_at, 0)):
        async with store.change(AUTHOR) as changing:
            await SessionEditor(changing).log_out(begun.id, began_at)
        assert len(await kept(store)) == left
