"""Looks for what other processes wrote."""

import pytest

from conduit_kernel.database_poll import MAX_SKIPPED, DatabasePoll


class Looks:
    """Counts looks; raises what it is told to."""

    def __init__(self) -> None:
        """Count from none."""
        self.count = 0
        self.error: Exception | None = None

    async def __call__(self) -> None:
        """Look."""
        self.count += 1
        if self.error is not None:
            raise self.error


@pytest.fixture
def looks() -> Looks:
    """Return a look that succeeds."""
    return Looks()


async def test_a_database_that_stood_still_is_not_looked_at(looks: Looks) -> None:
    """But now and then, because a clock of files may stand still between two changes."""
    signature = [1]
    poll = DatabasePoll(looks, lambda: tuple(signature))
    await poll.run()
    await poll.run()
    assert looks.count == 1
    signature[0] = 2
    await poll.run()
    assert looks.count == 2
    for _ in range(MAX_SKIPPED):
        await poll.run()
    assert looks.count == 2
    await poll.run()
    assert looks.count == 3


async def test_a_database_that_cannot_be_told_by_a_signature_is_looked_at_each_time(
    looks: Looks,
) -> None:
    """Whichever it is."""
    poll = DatabasePoll(looks, lambda: None)
    for _ in range(3):
        await poll.run()
    assert looks.count == 3


async def test_a_look_that_failed_is_made_again(looks: Looks) -> None:
    """Nothing was seen by it, though nothing changed since."""
    poll = DatabasePoll(looks, lambda: 1)
    looks.error = OSError("away")
    with pytest.raises(OSError, match="away"):
        await poll.run()
    looks.error = None
    await poll.run()
    assert looks.count == 2


async def test_what_changes_during_a_look_is_looked_at_again(looks: Looks) -> None:
    """The look may have been too early to see it."""
    signatures = iter((1, 2, 2))
    poll = DatabasePoll(looks, lambda: next(signatures))
    await poll.run()
    await poll.run()
    await poll.run()
    assert looks.count == 2
