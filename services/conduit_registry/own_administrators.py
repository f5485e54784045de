"""Has the Registry itself know the administrators that it keeps."""

from collections.abc import Callable
from contextlib import ExitStack

from conduit_kernel.administrators import Administrators
from conduit_kernel.followers import Followers
from conduit_registry import messages, snapshot_messages
from conduit_registry.store import ADMINISTRATOR, ADMINISTRATOR_SESSION, Store

FOLLOWER = "registry"


class OwnAdministrators:
    """Reads the administrators again with each revision, whichever process made it."""

    def __init__(
        self,
        store: Store,
        known: Administrators,
        followers: Followers,
        renew_keys: Callable[[], object],
    ) -> None:
        """Take who is to know them, and whom to tell that a revision is in force here.

        Before, `renew_keys` is called: another process may use a new encryption key by now.
        """
        self._store = store
        self._known = known
        self._followers = followers
        self._renew_keys = renew_keys
        # For as long as this lasts, changes are answered once they are in force here, too.
        self._following = ExitStack()
        self._following.enter_context(followers.following(FOLLOWER, 0))

    async def load(self) -> None:
        """Read them: a step of a loop."""
        self._renew_keys()
        async with self._store.read() as reading:
            state = await reading.state()
            found = await reading.every(ADMINISTRATOR)
            sessions = await reading.every(ADMINISTRATOR_SESSION)
        self._known.replace(
            map(snapshot_messages.administrator, found),
            map(messages.administrator_session, sessions),
        )
        self._followers.confirm(FOLLOWER, state.revision)
