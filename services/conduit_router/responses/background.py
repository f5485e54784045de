"""Responses that are made while nobody waits: OpenAI's background mode.

https://developers.openai.com/api/docs/guides/background

Each is a task of this router's, so that it outlasts its caller, ends with its router, and can be
taken back at any other.
"""

import asyncio
from contextlib import aclosing, suppress
from functools import partial
from typing import Any

import msgspec
import orjson

from conduit.internal.v1.task_storage_service_pb2 import CreateTaskRequest
from conduit.v1.call_pb2 import CallOptions
from conduit_kernel.errors import ConduitError, InvalidRequest, ServiceUnavailable
from conduit_kernel.not_found_errors import TaskNotFound
from conduit_kernel.openai_errors import error_object
from conduit_providers.calls import Form
from conduit_providers.inbound.response_dialect import response_of_nothing
from conduit_providers.operation import StreamedOperation
from conduit_router.calls.runtime import CallRuntime
from conduit_router.context import CallerContext, limits_of
from conduit_router.responses.connections import AnswerCalls
from conduit_router.responses.contents import ResponseRecord
from conduit_router.responses.event_log import EventLog, LoggedEvent, events_in
from conduit_router.responses.keeper import ResponseKeeper
from conduit_router.responses.keeping import KeptCall, ResponseKeeping, read_json
from conduit_router.responses.statuses import ENDED, FAILED, QUEUED, ResponseStatuses, task_id_of
from conduit_router.responses.upstream import SERVED_AS, KeepingCodec, UpstreamResponses
from conduit_router.routing.decide import route_of
from conduit_router.tasks.running import RunningTasks
from conduit_router.virtual_keys import check_model

Json = dict[str, Any]

# At the same time, of all callers of a router.
MOST = 500
CANCEL = ("cancel",)
# How long it may take to tell a provider that nobody wants a response any more.
LAST_SECONDS = 2.0
_RESPONSE = b'"response"'
# Members of what Conduit does itself where it works on a response.
_OWN_WORK = ("background", "background_options", "stream")


class BackgroundRun:
    """A response that is made while nobody waits."""

    def __init__(self, call: KeptCall, *, is_streamed: bool, is_own: bool, queued: Json) -> None:
        """Take whether its events are asked for later, and whether Conduit keeps it for sure."""
        self.call = call
        self.is_streamed = is_streamed
        # Whether Conduit keeps it; of one that a provider may keep, this is known with its
        # first event.
        self.is_own: bool | None = True if is_own else None
        self.id = call.form.identity.id
        # As it was last told of.
        self.response = queued
        self.log = EventLog()
        self.provider_id, self.key_id = 0, ""
        # Whether its provider was told already that it was taken back.
        self.is_left = False

    @property
    def told_id(self) -> str:
        """Return the id that its caller knows."""
        return str(self.response["id"])

    @property
    def owner(self) -> int:
        """Return the virtual key whose it is."""
        return self.call.caller.caller.virtual_key_id


class BackgroundResponses:
    """Works on them, each a task that Storage knows before it begins.

    Where each provider of the model keeps responses, one of them works on it, and the router
    follows its stream, so that the call is charged at its end; else the router itself does.
    """

    def __init__(
        self,
        runtime: CallRuntime,
        operation: StreamedOperation[Any, Any, Any],
        calls: AnswerCalls,
        *,
        keeper: ResponseKeeper,
        keeping: ResponseKeeping,
        tasks: RunningTasks,
        most: int = MOST,
    ) -> None:
        """Take what makes the calls, what keeps what they come to, and how many there may be."""
        self._runtime = runtime
        self._operation = operation
        self._calls = calls
        self.keeper = keeper
        self._keeping = keeping
        self._tasks = tasks
        self._upstream = UpstreamResponses(runtime)
        self._most = most
        # By owner and id.
        self._runs: dict[tuple[int, str], BackgroundRun] = {}
        self.statuses = ResponseStatuses(keeper, tasks.storage, self._here, asyncio.sleep)

    def run_of(self, owner: int, response_id: str) -> BackgroundRun | None:
        """Return a response of an owner's that this router works on, or follows."""
        return self._runs.get((owner, response_id))

    async def cancel(self, record: ResponseRecord) -> Json:
        """Take a response back that Conduit keeps, unless it has ended, and return it.

        InvalidRequest if somebody waits for it.
        """
        response = await self.statuses.now(record)
        if not response.get("background"):
            message = "Only a response that was asked for with background can be cancelled"
            raise InvalidRequest(message, field="id")
        if response["status"] in ENDED:
            return response
        task_id = task_id_of(record.id)
        with suppress(TaskNotFound):
            await self._tasks.storage.cancel(record.owner, task_id)
        self._tasks.cancel(task_id)
        if (run := self.run_of(record.owner, record.id)) is not None:
            self._forget(run)
        # It may have ended just now.
        latest = await self.keeper.find_one(record.owner, record.id)
        return await self.statuses.now(latest)

    async def leave(self, record: ResponseRecord) -> None:
        """Follow a response no longer that was taken back at its provider, if it is one of ours."""
        run = self.run_of(record.owner, record.id)
        if run is None:
            return
        run.is_left = True
        task_id = task_id_of(run.id)
        with suppress(ConduitError):
            await self._tasks.storage.cancel(record.owner, task_id)
        self._tasks.cancel(task_id)

    async def begin(
        self,
        form: Form[Any],
        options: CallOptions | None,
        caller: CallerContext,
        *,
        is_streamed: bool,
    ) -> BackgroundRun:
        """Begin a response; return it once there is something to tell of it.

        Its events can be read again later if it `is_streamed`.

        What is wrong with a request is said at once, where that is known. ServiceUnavailable if
        Storage is away, or if this router has too many.
        """
        model = self._checked(form, options, caller)
        call = await self._keeping.prepared(form, options, caller)
        if call is None or not call.is_kept:
            message = "A response in the background is kept: leave out store"
            raise InvalidRequest(message, field="store")
        if len(self._runs) >= self._most:
            message = f"This router has {self._most} responses in the background already"
            raise ServiceUnavailable(message, service="router")
        run = self._run(call, model, is_streamed=is_streamed)
        task = CreateTaskRequest(
            id=task_id_of(run.id),
            virtual_key_id=run.owner,
            operation=SERVED_AS,
            model=model,
        )
        place = run.owner, run.id
        self._runs[place] = run
        try:
            await self._tasks.begin(task, partial(self._work, run), partial(self._forget, run))
        except BaseException:
            del self._runs[place]
            raise
        if run.is_own:
            self._keep(run)
        else:
            await run.log.begun()
        return run

    def _checked(self, form: Form[Any], options: CallOptions | None, caller: CallerContext) -> str:
        """Return the alias that a request asks for, if the caller may ask for it."""
        runtime = self._runtime
        if options is not None:
            limits_of(options, runtime.caps)
        model = self._operation.requirements(form.json, stream=True).model
        check_model(caller.caller, model)
        runtime.under_way.check(caller.caller.virtual_key_id)
        route_of(runtime.table.routes, model)
        return model

    def _run(self, call: KeptCall, model: str, *, is_streamed: bool) -> BackgroundRun:
        """Return a response that is to be made, by a request as its providers get it."""
        asked = call.form.json
        is_own = not call.is_bound and not self._is_kept_by_all(model)
        identity = call.form.identity
        form = call.form.without(_OWN_WORK if is_own else ())
        if is_own:
            # By whoever is asked: it is under our id.
            form = form.with_member("store", b"false")
        form = msgspec.structs.replace(form, _chats={})
        created = int(self._runtime.wall_clock())
        queued = response_of_nothing(asked, identity.id, created) | {
            "status": QUEUED,
            "background": True,
            "store": True,
            "usage": None,
            "previous_response_id": identity.previous_id or None,
        }
        call = call._replace(form=form, options=self._patient(call.options))
        return BackgroundRun(call, is_streamed=is_streamed, is_own=is_own, queued=queued)

    def _patient(self, options: CallOptions | None) -> CallOptions:
        """Return options with all the time that there is, unless they say less."""
        found = CallOptions()
        if options is not None:
            found.CopyFrom(options)
        if not found.HasField("timeout"):
            found.timeout.FromMilliseconds(int(self._runtime.caps.seconds * 1000))
        return found

    def _is_kept_by_all(self, model: str) -> bool:
        route = route_of(self._runtime.table.routes, model)
        served = [each.instance.served.get(SERVED_AS) for each in route.candidates]
        return bool(served) and all(
            each is not None and isinstance(each.codec, KeepingCodec) for each in served
        )

    async def _work(self, run: BackgroundRun) -> bytes:
        """Make the call; return what the task tells of it."""
        form, options, caller = run.call.form, run.call.options, run.call.caller
        try:
            async with aclosing(self._calls.answer(form, options, caller)) as messages:
                async for message in messages:
                    if message.HasField("started"):
                        report = message.started
                        run.provider_id, run.key_id = report.provider_id, report.key_id
                    for event in events_in(message.events):
                        self._take(run, event)
        except ConduitError as error:
            self._fail(run, error)
            raise
        except BaseException:
            await self._abandon(run)
            raise
        run.log.end()
        return orjson.dumps({"response_id": run.told_id})

    def _take(self, run: BackgroundRun, event: LoggedEvent) -> None:
        """Note the next event; what has the response in it tells how far that is."""
        if _RESPONSE in event.sse and isinstance(found := read_json(event.data, Json), dict):
            response = found.get("response")
            if isinstance(response, dict):
                event = self._told(run, event, found, response)
        run.log.add(event)
        if run.is_own and run.response["status"] in ENDED:
            self._keep(run)

    def _told(self, run: BackgroundRun, event: LoggedEvent, found: Json, told: Json) -> LoggedEvent:
        if run.is_own is None:
            run.is_own = told.get("id") == run.id
            if not run.is_own:
                # Where its provider keeps it, its id is enough.
                self._keeping.keep(run.call, orjson.dumps(told), run.provider_id, run.key_id)
                self._runs[run.owner, str(told.get("id"))] = run
        if run.is_own:
            # Whoever answered, it is ours.
            told |= {"id": run.id, "background": True, "store": True}
            told["previous_response_id"] = run.response["previous_response_id"]
            kind = str(found.get("type")).encode()
            sse = b"event: %b\ndata: %b\n\n" % (kind, orjson.dumps(found | {"response": told}))
            event = event._replace(sse=sse)
        run.response = told
        return event

    def _fail(self, run: BackgroundRun, error: ConduitError) -> None:
        """Note why there is no response, or only some of it."""
        if run.is_own:
            run.response = {**run.response, "status": FAILED, "error": error_object(error)}
            event = {
                "type": "response.failed",
                "sequence_number": run.log.last_number + 1,
                "response": run.response,
            }
            sse = b"event: response.failed\ndata: %b\n\n" % orjson.dumps(event)
            run.log.add(LoggedEvent(run.log.last_number + 1, sse))
            self._keep(run)
        run.log.end(error)

    async def _abandon(self, run: BackgroundRun) -> None:
        """End a response that was taken back, or whose router stops, where it is made."""
        run.log.end()
        if run.is_own is not False or run.is_left:
            return
        with suppress(ConduitError, TimeoutError):
            async with asyncio.timeout(LAST_SECONDS):
                record = await self.keeper.find_one(run.owner, run.told_id)
                await self._upstream.ask("POST", record, CANCEL)

    def _keep(self, run: BackgroundRun) -> None:
        """Keep a response as far as it is, with its events once it has ended."""
        events = b"" if run.is_streamed else None
        if run.is_streamed and run.response["status"] in ENDED and run.log.is_whole:
            events = run.log.sse
        response = orjson.dumps(run.response)
        self._keeping.keep(run.call, response, run.provider_id, run.key_id, events)

    def _forget(self, run: BackgroundRun) -> None:
        for response_id in {run.id, run.told_id}:
            self._runs.pop((run.owner, response_id), None)

    def _here(self, owner: int, response_id: str) -> Json | None:
        """Return a response that this router works on, as it was last told of."""
        run = self.run_of(owner, response_id)
        return run.response if run is not None else None
