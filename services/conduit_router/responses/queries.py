"""The RPCs about responses that are kept: each caller sees its own alone."""

from collections.abc import Sequence
from typing import Any

import orjson

from conduit.v1 import kept_response_requests_pb2 as pb
from conduit.v1.kept_response_requests_json import list_response_input_items_response_from_json
from conduit.v1.response_json import response_item_from_json
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.limits import check_items, check_length, number_of
from conduit_kernel.not_found_errors import ResponseNotFound
from conduit_router.calls.runtime import CallRuntime
from conduit_router.context import CallerContext
from conduit_router.responses.background import BackgroundResponses
from conduit_router.responses.contents import (
    ResponseRecord,
    input_items,
    is_background,
    response_in,
)
from conduit_router.responses.keeper import ResponseKeeper
from conduit_router.responses.upstream import UpstreamResponses, read_answer, response_from

DEFAULT_LIMIT = 20
_INPUT_ITEMS = ("input_items",)
_ORDERS = ("asc", "desc", "")


class ResponseQueries:
    """Answers which responses there are, and deletes them."""

    def __init__(
        self,
        runtime: CallRuntime,
        keeper: ResponseKeeper,
        background: BackgroundResponses | None = None,
    ) -> None:
        """Take how providers are asked, what finds responses, and what may still work on them."""
        self._background = background
        self._runtime = runtime
        self._keeper = keeper
        self._upstream = UpstreamResponses(runtime)

    async def GetResponse(
        self, request: pb.GetResponseRequest, caller: CallerContext
    ) -> pb.GetResponseResponse:
        """Return a response of the caller's."""
        query = _including(request)
        with self._runtime.under_way.one_of(caller.caller.virtual_key_id):
            record = await self._keeper.find_one(caller.caller.virtual_key_id, request.id)
            if record.is_kept_here:
                json = await self._json_of(record)
            else:
                json = await self._upstream.ask("GET", record, query=query)
        return pb.GetResponseResponse(response=response_from(json, record))

    async def DeleteResponse(
        self, request: pb.DeleteResponseRequest, caller: CallerContext
    ) -> pb.DeleteResponseResponse:
        """Delete a response of the caller's, at the account that keeps it too."""
        owner = caller.caller.virtual_key_id
        with self._runtime.under_way.one_of(owner):
            record = await self._keeper.find_one(owner, request.id)
            if not record.is_kept_here:
                await self._deleted_upstream(record)
            elif self._background is not None and is_background(record):
                await self._background.cancel(record)
            await self._keeper.delete(owner, request.id)
        return pb.DeleteResponseResponse(id=request.id, object="response.deleted", deleted=True)

    async def ListResponseInputItems(
        self, request: pb.ListResponseInputItemsRequest, caller: CallerContext
    ) -> pb.ListResponseInputItemsResponse:
        """Return a page of what a response of the caller's was made from."""
        limit, query = number_of(request, "limit") or DEFAULT_LIMIT, _including(request)
        if request.order not in _ORDERS:
            raise InvalidRequest("order must be asc or desc", field="order")
        check_length(request, "after")
        with self._runtime.under_way.one_of(caller.caller.virtual_key_id):
            records = await self._keeper.find(caller.caller.virtual_key_id, request.id)
            if not records[-1].is_kept_here:
                query |= {"limit": str(limit), "order": request.order or "desc"}
                query |= {"after": request.after} if request.after else {}
                json = await self._upstream.ask("GET", records[-1], _INPUT_ITEMS, query)
                page: pb.ListResponseInputItemsResponse = read_answer(
                    list_response_input_items_response_from_json, json, records[-1]
                )
                return page
        return _page(input_items(records), request, limit)

    async def _json_of(self, record: ResponseRecord) -> bytes:
        """Return a response that is kept here, as it is now."""
        if self._background is None or not is_background(record):
            return response_in(record)
        return orjson.dumps(await self._background.statuses.now(record))

    async def _deleted_upstream(self, record: ResponseRecord) -> None:
        try:
            await self._upstream.ask("DELETE", record)
        except ResponseNotFound:
            # As it should be.
            return


def _page(
    items: list[dict[str, Any]], request: pb.ListResponseInputItemsRequest, limit: int
) -> pb.ListResponseInputItemsResponse:
    if request.order != "asc":
        items.reverse()
    if request.after:
        places = [place for place, each in enumerate(items) if each.get("id") == request.after]
        if not places:
            raise InvalidRequest("after must be the id of an item", field="after")
        items = items[places[0] + 1 :]
    page = [response_item_from_json(each) for each in items[:limit]]
    return pb.ListResponseInputItemsResponse(
        object="list",
        data=page,
        first_id=page[0].id if page else None,
        last_id=page[-1].id if page else None,
        has_more=len(items) > limit,
    )


def _including(
    request: pb.GetResponseRequest | pb.ListResponseInputItemsRequest,
) -> dict[str, str | Sequence[str]]:
    check_items(request, "include")
    check_length(request, "include")
    return {"include[]": [*request.include]} if request.include else {}
