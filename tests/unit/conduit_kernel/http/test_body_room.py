"""The room that all bodies of requests share, and what one caller may have of it."""

from conduit_kernel.http.body_room import BodyRoom, HeldBodies

ONE, OTHER = "192.0.2.1", "2001:db8::/64"


def held(room: BodyRoom, caller: str = ONE, *, speaks_for_others: bool = False) -> HeldBodies:
    """Return a connection's part."""
    made = HeldBodies(room)
    made.count_as(caller, speaks_for_others=speaks_for_others)
    return made


def test_one_caller_leaves_a_quarter_to_the_others() -> None:
    """Over whichever connections; what does not fit is not counted."""
    room = BodyRoom(100)
    first, second, other = held(room), held(room), held(room, OTHER)
    assert first.take(40)
    assert second.take(35)
    assert not second.take(1)
    assert (first.size, second.size, room.left) == (40, 35, 25)
    assert not other.take(26)
    assert other.take(25)
    assert not other.take(1)


def test_a_proxy_has_all_of_it() -> None:
    """Its callers have it."""
    room = BodyRoom(100)
    proxy = held(room, speaks_for_others=True)
    assert proxy.take(100)
    assert not proxy.take(1)


def test_what_is_released_is_there_again() -> None:
    """Once, however often it is said."""
    room = BodyRoom(100)
    one = held(room)
    for _ in range(3):
        assert one.take(75)
        one.release()
        one.release()
        assert (one.size, room.left) == (0, 100)
