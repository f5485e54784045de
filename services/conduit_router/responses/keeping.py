"""Which calls of Responses are kept or go on from one that is, and what is kept of them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import orjson

from conduit.v1.call_pb2 import CallOptions
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.ids import IdSource
from conduit_providers.calls import Form
from conduit_providers.inbound.response_form import ResponseForm, ResponseIdentity
from conduit_router.calls.runtime import CallRuntime
from conduit_router.context import CallerContext
from conduit_router.responses.accounts import ResponseAccounts
from conduit_router.responses.contents import (
    ResponseRecord,
    content_of,
    conversation,
    input_in,
    items_in,
    response_in,
)
from conduit_router.responses.keeper import ID_PREFIX, ResponseKeeper
from conduit_router.responses.references import KIND as REFERENCE
from conduit_router.responses.references import ItemReferences, NamedItems
from conduit_router.responses.statuses import UNDER_WAY

_NOTHING = msgspec.Raw(b"null")
# Its bytes are in each request that names an item by its id.
_REFERENCE = REFERENCE.encode()
_NOTHING_NAMED = NamedItems(None, None)
_NAMED = ("reasoning", "message")


class _Keeping(msgspec.Struct):
    """The members of a request that say whether its response is kept."""

    store: object = None
    previous_response_id: object = None
    conversation: object = None

    @property
    def concerns_kept(self) -> bool:
        """Return whether it is to be kept, or goes on from what is."""
        is_kept = self.store is not False
        return bool(is_kept or self.previous_response_id or self.conversation_id)

    @property
    def conversation_id(self) -> str:
        """Return the conversation at a provider that it goes on from; empty for none."""
        named = self.conversation
        found = named.get("id") if isinstance(named, dict) else named
        return found if isinstance(found, str) else ""


class _Asked(_Keeping):
    """The same, with what has to be known where it is kept."""

    model: object = None
    input: msgspec.Raw = _NOTHING


class Named(msgspec.Struct):
    """The id of a response, and how far it is."""

    id: object = None
    status: object = None


class _Background(msgspec.Struct):
    background: object = None


class _Item(msgspec.Struct):
    id: object = None
    type: object = None


class _Items(msgspec.Struct):
    output: list[_Item] = []


class KeptCall(NamedTuple):
    """A call whose response is kept, or that goes on from one that is."""

    form: ResponseForm
    options: CallOptions | None
    caller: CallerContext
    # Whether its response is kept.
    is_kept: bool
    # What this turn alone has asked.
    input: bytes
    # Whether it goes on from what a provider keeps, and so goes to that alone.
    is_bound: bool = False
    # The conversation at a provider that it goes on from; empty for none.
    conversation_id: str = ""


class ResponseKeeping:
    """Prepares such calls, and has their responses kept."""

    def __init__(self, runtime: CallRuntime, keeper: ResponseKeeper, ids: IdSource) -> None:
        self._runtime = runtime
        self._keeper = keeper
        self._ids = ids
        self._accounts = ResponseAccounts(runtime)
        self._references = ItemReferences(keeper)

    async def prepared(
        self, form: Form[Any], options: CallOptions | None, caller: CallerContext
    ) -> KeptCall | None:
        """Return a call as it is to be made; None if it is made as it is.

        ResponseNotFound or AccountUnavailable if it cannot go on from what it names.
        """
        assert isinstance(form, ResponseForm)  # noqa: S101 # as the operation makes them
        own: ResponseForm = form
        json = _json_of(own)
        asked = read_json(json, _Keeping)
        if asked is None or not (asked.concerns_kept or _REFERENCE in json):
            return None
        turn = read_json(json, _Asked)
        previous = asked.previous_response_id
        if turn is None or not isinstance(previous, str | None):
            # What is wrong with it is told where it is read whole.
            return None
        owner = caller.caller.virtual_key_id
        named = await self._named(turn, owner) if _REFERENCE in json else _NOTHING_NAMED
        if named.input is not None:
            turn.input = msgspec.Raw(orjson.dumps(named.input))
            own = _with_input(own, json, named.input)
            json = _json_of(own)
        elif named.elsewhere is None and not asked.concerns_kept:
            return None
        is_kept, before, is_bound = asked.store is not False, "", False
        if previous:
            with self._runtime.under_way.one_of(owner):
                records = await self._keeper.find(owner, previous)
            if records[-1].is_kept_here:
                _check_ended(records[-1])
                before = previous
                own = _expanded(own, json, records, turn)
            else:
                is_bound = True
                options = self._accounts.bound(options, records[-1], str(turn.model))
        elif conversation := asked.conversation_id:
            known = await self._keeper.known(owner, conversation)
            if known is not None:
                is_bound = True
                options = self._accounts.bound(options, known, str(turn.model))
        elif named.elsewhere is not None:
            is_bound = True
            options = self._accounts.bound(options, named.elsewhere, str(turn.model))
        identity = ResponseIdentity(f"{ID_PREFIX}{self._ids.next()}" if is_kept else "", before)
        own = msgspec.structs.replace(own, identity=identity, _chats={})
        return KeptCall(
            own, options, caller, is_kept, bytes(turn.input), is_bound, asked.conversation_id
        )

    async def _named(self, turn: _Asked, owner: int) -> NamedItems:
        """Return what a request names by ids of items."""
        with self._runtime.under_way.one_of(owner):
            return await self._references.named(input_in(bytes(turn.input)), owner)

    def keep(
        self,
        call: KeptCall,
        response: bytes,
        provider_id: int,
        key_id: str,
        events: bytes | None = None,
    ) -> None:
        """Have a response kept: by what was said, or by where its provider keeps it."""
        named = read_json(response, Named)
        if named is None or not isinstance(named.id, str):
            return
        identity, owner = call.form.identity, call.caller.caller.virtual_key_id
        at = provider_id, key_id, self._accounts.group_of(provider_id, key_id)
        if call.conversation_id:
            # Whose it is, the account has just shown.
            self._keeper.keep(ResponseRecord(call.conversation_id, owner, "", *at))
        if not call.is_kept:
            return
        if named.id != identity.id:
            self._keeper.keep(ResponseRecord(named.id, owner, "", *at))
            if item := _first_item(response):
                # By which later requests may name it.
                self._keeper.keep(ResponseRecord(item, owner, "", *at))
            return
        content = content_of(call.input, response, events)
        self._keeper.keep(ResponseRecord(named.id, owner, identity.previous_id, *at, content))


def _first_item(response: bytes) -> str:
    """Return the id of the first thought or message of a response; empty if there is none.

    Whoever names items names the first one of these as well, as the AI SDK does.
    """
    items = read_json(response, _Items)
    names = (each.id for each in items.output if each.type in _NAMED) if items is not None else ()
    return next((name for name in names if isinstance(name, str)), "")


def asks_background(form: Form[Any]) -> bool:
    """Return whether nobody waits for the response that a request asks for."""
    assert isinstance(form, ResponseForm)  # noqa: S101 # as the operation makes them
    json = _json_of(form)
    if b'"background"' not in json:
        return False
    asked = read_json(json, _Background)
    return asked is not None and asked.background is True


def _check_ended(record: ResponseRecord) -> None:
    """Raise InvalidRequest if a response is still made."""
    named = read_json(response_in(record), Named)
    if named is not None and named.status in UNDER_WAY:
        message = f"The response {record.id} has not ended yet"
        raise InvalidRequest(message, field="previous_response_id")


def _json_of(form: ResponseForm) -> bytes:
    """Return the JSON of a request, which keeps its form."""
    return form.json_at_hand or msgspec.structs.replace(form).json


def _expanded(
    form: ResponseForm, json: bytes, records: Sequence[ResponseRecord], turn: _Asked
) -> ResponseForm:
    """Return a request with the conversation that it goes on from, in its form."""
    items = [*conversation(records), *items_in(bytes(turn.input))]
    return _with_input(form, json, items, without="previous_response_id")


def _with_input(
    form: ResponseForm, json: bytes, items: Sequence[Any], without: str = ""
) -> ResponseForm:
    """Return a request with another input, in its form."""
    members = msgspec.json.decode(json, type=dict[str, msgspec.Raw])
    members.pop(without, None)
    members["input"] = msgspec.Raw(orjson.dumps(items))
    whole = msgspec.structs.replace(form, json_at_hand=msgspec.json.encode(members), _typed=None)
    if form.json_at_hand is not None:
        return whole
    return msgspec.structs.replace(whole, json_at_hand=None, _typed=whole.typed)


def read_json(json: bytes, kind: type[Any]) -> Any:  # noqa: ANN401 # of this type, or None
    """Return JSON as a struct of a kind; None if it is none."""
    try:
        return msgspec.json.decode(json, type=kind)
    except (msgspec.MsgspecError, RecursionError):
        return None
