"""Items that requests name by their ids, put in their place beside a real Storage."""

import orjson
import pytest

from conduit_kernel.errors import InvalidRequest, RequestTooLarge
from conduit_kernel.ids import IdSource
from conduit_kernel.not_found_errors import ResponseNotFound
from conduit_kernel.secrets import Vault
from conduit_router.responses.contents import ResponseRecord, content_of
from conduit_router.responses.keeper import ResponseKeeper
from conduit_router.responses.references import MOST_RESPONSES, ItemReferences
from conduit_router.responses.storage import ResponseStorage

NOW = 1_795_435_200.0
IDS = IdSource(lambda: NOW)
OWNER = 1
CALL = {"type": "function_call", "call_id": "call_1", "name": "now", "arguments": "{}"}


def keeper(storage: ResponseStorage) -> ResponseKeeper:
    """Return what keeps responses, and waits for none."""
    return ResponseKeeper(storage, Vault(bytes(range(32))), lambda: NOW, pauses=())


def kept(keeper: ResponseKeeper, owner: int = OWNER) -> str:
    """Have a response with a thought and a call kept; return its bare id."""
    bare = IDS.next()
    output = [
        {"type": "reasoning", "id": f"rs_{bare}_0", "summary": [], "encrypted_content": "sealed"},
        {**CALL, "id": f"fc_{bare}_1"},
    ]
    response = orjson.dumps({"id": f"resp_{bare}", "output": output})
    content = content_of(b'"Hello"', response)
    keeper.keep(ResponseRecord(f"resp_{bare}", owner, "", 7, "key_1", "group", content))
    return bare


def named(*ids: str) -> list[dict[str, str]]:
    """Return references."""
    return [{"type": "item_reference", "id": each} for each in ids]


async def test_items_come_in_the_place_of_their_references(storage: ResponseStorage) -> None:
    """In order, as often as they are named, with all else as it was; calls without their ids."""
    here = keeper(storage)
    first, second = kept(here), kept(here)
    await here.deliver()
    asked = [*named(f"rs_{first}_0", f"fc_{first}_1"), "odd", *named(f"fc_{second}_1"), {"a": 1}]
    found, _ = await ItemReferences(here).named(asked, OWNER)
    assert found is not None
    thought, *rest = found
    assert isinstance(thought, dict)
    assert (thought["id"], thought["encrypted_content"]) == (f"rs_{first}_0", "sealed")
    assert rest == [CALL, "odd", CALL, {"a": 1}]


@pytest.mark.parametrize(
    "asked", ["text", None, [], [1], named("msg_68a1"), [{"type": "item_reference", "id": 7}]]
)
async def test_what_names_nothing_of_ours_stays(storage: ResponseStorage, asked: object) -> None:
    """A text, nothing, ids that a provider made, and what is no id."""
    assert await ItemReferences(keeper(storage)).named(asked, OWNER) == (None, None)


async def test_what_is_not_there_is_told(storage: ResponseStorage) -> None:
    """Another owner's, a place that a response does not have, and a response that never was."""
    here = keeper(storage)
    mine, others = kept(here), kept(here, owner=2)
    for missing in (f"rs_{others}_0", f"rs_{mine}_9", f"rs_{IDS.next()}_0"):
        with pytest.raises(ResponseNotFound):
            await ItemReferences(here).named(named(missing), OWNER)


async def test_no_more_is_looked_for_than_a_request_may_have(storage: ResponseStorage) -> None:
    """Neither responses nor bytes of them."""
    here = keeper(storage)
    many = [f"rs_{IDS.next()}_0" for _ in range(MOST_RESPONSES + 1)]
    with pytest.raises(InvalidRequest, match=str(MOST_RESPONSES)):
        await ItemReferences(here).named(named(*many), OWNER)
    two = named(f"rs_{kept(here)}_0", f"rs_{kept(here)}_0")
    small = ItemReferences(here, most_bytes=500)
    assert (await small.named(two[:1], OWNER)).input
    with pytest.raises(RequestTooLarge):
        await small.named(two, OWNER)


async def test_the_account_is_known_that_has_the_newest_item(storage: ResponseStorage) -> None:
    """Among the last few that a request names; another owner's is nobody's."""
    here = keeper(storage)
    for name, owner, key in (
        ("msg_old", OWNER, "key_1"),
        ("rs_new", OWNER, "key_2"),
        ("rs_x", 2, "k"),
    ):
        here.keep(ResponseRecord(name, owner, "", 7, key, ""))
    _, found = await ItemReferences(here).named(named("msg_old", "rs_new", "fc_unknown"), OWNER)
    assert found is not None
    assert (found.id, found.key_id) == ("rs_new", "key_2")
    unknown = [f"fc_{number}" for number in range(8)]
    for names in (["rs_x"], ["msg_old", *unknown]):
        assert await ItemReferences(here).named(named(*names), OWNER) == (None, None)
