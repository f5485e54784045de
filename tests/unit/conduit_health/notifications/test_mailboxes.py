"""Mailboxes of hub connections."""

import pytest

from conduit_health.notifications import mailboxes
from conduit_health.notifications.mailboxes import Mailboxes


def test_a_message_is_delivered_while_its_mailbox_is_open() -> None:
    """To nobody before and after."""
    boxes = Mailboxes()
    assert not boxes.deliver("a", "early")
    with boxes.opened("a") as mailbox:
        assert mailbox is not None
        assert boxes.deliver("a", "text")
        assert not boxes.deliver("b", "text")
        assert mailbox.get_nowait() == "text"
    assert not boxes.deliver("a", "late")


def test_a_mailbox_has_one_owner() -> None:
    """A second one gets none, and takes nothing from the first."""
    boxes = Mailboxes()
    with boxes.opened("a") as first:
        with boxes.opened("a") as second:
            assert second is None
        assert first is not None
        assert boxes.deliver("a", "text")


def test_mailboxes_and_what_waits_in_them_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has no room is refused."""
    monkeypatch.setattr(mailboxes, "MAX_WAITING", 2)
    monkeypatch.setattr(mailboxes, "MAX_MAILBOXES", 1)
    boxes = Mailboxes()
    with boxes.opened("a"):
        assert [boxes.deliver("a", "x") for _ in range(3)] == [True, True, False]
        with boxes.opened("b") as other:
            assert other is None
    with boxes.opened("b") as other:
        assert other is not None


def test_the_end_of_all_is_told_to_each() -> None:
    """So that a draining server need not wait."""
    boxes = Mailboxes()
    with boxes.opened("a") as mailbox:
        boxes.close()
        assert mailbox is not None
        assert mailbox.get_nowait() is None
