"""The RPCs that begin tasks: one class for all operations."""

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

from conduit.internal.v1.task_storage_service_pb2 import CreateTaskRequest
from conduit.v1.call_pb2 import CallOptions
from conduit_kernel.http import SpillSpace
from conduit_kernel.ids import IdSource
from conduit_providers.calls import Form
from conduit_providers.operation import AnyAnsweredOperation, AnyUploadOperation, UploadOperation
from conduit_router.calls.runtime import CallRuntime
from conduit_router.calls.unary import UnaryCalls
from conduit_router.calls.uploads import ReceivedFiles
from conduit_router.context import CallerContext, limits_of, options_of
from conduit_router.routing.decide import route_of
from conduit_router.routing.maintenance import check_maintenance
from conduit_router.tasks.running import RunningTasks
from conduit_router.virtual_keys import check_model

ID_PREFIX = "task_"


class TaskCalls:
    """Begins tasks of one RPC, each of which is a call of its operation."""

    def __init__(
        self,
        runtime: CallRuntime,
        operation: AnyAnsweredOperation,
        response: Callable[[], Any],
        tasks: RunningTasks,
        *,
        ids: IdSource,
        space: SpillSpace,
    ) -> None:
        """Take the operation, the class of the RPC's response, and the room for files."""
        self._runtime = runtime
        self._operation = operation
        self._calls = UnaryCalls(runtime, operation, response)
        self._response = response
        self._tasks = tasks
        self._ids = ids
        self._space = space

    async def __call__(self, request: Any, caller: CallerContext) -> Any:  # noqa: ANN401 # of each RPC its own
        """Begin a task; what is wrong with the request is said at once, where that is known."""
        files = ReceivedFiles(request, _nothing(), self._space)
        try:
            form = await self._form(request, files)
            model = self._checked(form, request, caller)
            new = CreateTaskRequest(
                id=f"{ID_PREFIX}{self._ids.next()}",
                virtual_key_id=caller.caller.virtual_key_id,
                operation=self._operation.name,
                model=model,
            )
            call = partial(self._answer, form, options_of(request), caller)
            task = await self._tasks.begin(new, call, files.close)
        except BaseException:
            files.close()
            raise
        response = self._response()
        response.task.CopyFrom(task)
        return response

    async def _answer(
        self, form: Form[Any], options: CallOptions | None, caller: CallerContext
    ) -> bytes:
        return (await self._calls.json_of(form, options, caller))[0]

    async def _form(self, request: Any, files: ReceivedFiles) -> Form[Any]:  # noqa: ANN401 # as above
        operation = self._operation
        if not isinstance(operation, UploadOperation):
            return operation.form_of(request)
        upload: AnyUploadOperation = operation
        for file in files.files:
            await file.fill()
        return upload.form_of_upload(request, files.files)

    def _checked(self, form: Form[Any], request: Any, caller: CallerContext) -> str:  # noqa: ANN401 # as above
        """Return the alias that a request asks for, if the caller may ask for it."""
        runtime, options = self._runtime, options_of(request)
        check_maintenance(runtime.table, runtime.wall_clock())
        if options is not None:
            limits_of(options, runtime.caps)
        model = self._operation.requirements(form.json, stream=False).model
        check_model(caller.caller, model)
        runtime.under_way.check(caller.caller.virtual_key_id)
        route_of(runtime.table.routes, model)
        return model


async def _nothing() -> AsyncIterator[Any]:
    """Yield no chunks: the files are in the request."""
    return
    yield  # pragma: no cover # makes it a generator
