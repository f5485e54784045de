"""What operators do to groups of virtual keys, within one transaction."""

from dataclasses import replace

from conduit_kernel.errors import AlreadyExists, InvalidRequest, StillInUse
from conduit_kernel.updates import must_match
from conduit_registry import messages
from conduit_registry.patches import VirtualKeyGroupPatch, VirtualKeyPatch
from conduit_registry.rules.fields import required
from conduit_registry.store import VIRTUAL_KEY, VIRTUAL_KEY_GROUP, WriteTransaction
from conduit_registry.values import VirtualKeyGroup


class VirtualKeyGroupEditor:
    """Makes, changes and removes groups, each by the fields that its spec gave."""

    def __init__(self, changing: WriteTransaction) -> None:
        self._changing = changing

    async def create(self, given: VirtualKeyGroupPatch) -> VirtualKeyGroup:
        """Add a group."""
        await self._claim_name(required(given.get("name"), "name"))
        if given.get("covers_all"):
            await self._claim_all()
        return await self._changing.create(
            VIRTUAL_KEY_GROUP, lambda number: VirtualKeyGroup(id=number, **given)
        )

    async def update(
        self, number: int, given: VirtualKeyGroupPatch, etag: str = ""
    ) -> VirtualKeyGroup:
        """Change a group."""
        old = await self._changing.get(VIRTUAL_KEY_GROUP, number)
        must_match(etag, messages.virtual_key_group(old).etag)
        new = replace(old, **given)
        if new.name.casefold() != old.name.casefold():
            await self._claim_name(new.name)
        if new.covers_all and not old.covers_all:
            await self._claim_all()
            await self._must_be_empty(number, "cover all keys")
        return await self._changing.update(VIRTUAL_KEY_GROUP, old, new)

    async def delete(self, number: int) -> None:
        """Remove a group, which no key is in."""
        group = await self._changing.get(VIRTUAL_KEY_GROUP, number)
        await self._must_be_empty(number, "be removed")
        await self._changing.delete(VIRTUAL_KEY_GROUP, group)

    async def _claim_name(self, name: str) -> None:
        if other := await self._changing.named(VIRTUAL_KEY_GROUP, name):
            message = f"There is a group of virtual keys named {other.name!r} already"
            raise AlreadyExists(message, field="name", virtual_key_group_id=str(other.id))

    async def _claim_all(self) -> None:
        for other in await self._changing.every(VIRTUAL_KEY_GROUP, covers_all=True):
            message = f"The group {other.name!r} covers all virtual keys already"
            raise AlreadyExists(message, field="coversAll", virtual_key_group_id=str(other.id))

    async def _must_be_empty(self, number: int, what: str) -> None:
        keys = await self._changing.every(VIRTUAL_KEY, group_id=number)
        if keys:
            message = f"The group cannot {what} while {len(keys):,} virtual keys are in it"
            raise StillInUse(message, virtual_key_group_id=str(number))


async def check_group(changing: WriteTransaction, given: VirtualKeyPatch) -> None:
    """Check that keys may be in the group that is given. VirtualKeyGroupNotFound if it is none."""
    number = given.get("group_id")
    if number is None:
        return
    group = await changing.get(VIRTUAL_KEY_GROUP, number)
    if group.covers_all:
        message = f"The group {group.name!r} covers all virtual keys, and none is put into it"
        raise InvalidRequest(message, field="groupId")
