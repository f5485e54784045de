"""OpenAI's older completions: `CreateCompletion`, `StreamCreateCompletion`."""

from collections.abc import Sequence
from typing import ClassVar

import msgspec

from conduit.v1.chat_pb2 import ChatUsage
from conduit.v1.completion_pb2 import CompletionCreation, CompletionPrompt, CreatedCompletion
from conduit_kernel.errors import InvalidRequest
from conduit_providers.codec import StreamingCodec
from conduit_providers.inbound.caller_operation import CallerOperation
from conduit_providers.inbound.completion_choice import passes_completions
from conduit_providers.inbound.completion_form import (
    CompletionAnswer,
    CompletionCall,
    CompletionEvents,
    CompletionForm,
    completion_answer,
    completion_request,
    prompts_in,
)
from conduit_providers.operation import Requirements, check_parts
from conduit_providers.operations.chat import usage_message
from conduit_providers.quantities import Quantities, total
from conduit_providers.request_reading import RequestReader, Routed
from conduit_providers.spec import Endpoint

CompletionCodec = StreamingCodec[CompletionCall, CompletionAnswer, CompletionEvents]


class _StreamOptions(msgspec.Struct, gc=False):
    include_usage: bool | None = None


class _Completion(Routed, gc=False):
    model: str
    # As its types alone do not tell the lists apart.
    prompt: str | list[object]
    max_tokens: int | None = None
    n: int | None = None
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    # Not needed here; a wrong type is better refused before a provider is asked.
    suffix: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    best_of: int | None = None
    echo: bool | None = None
    logprobs: int | None = None


_read = RequestReader(_Completion).read
_MOST = 2**31 - 1


class CompletionOperation(CallerOperation[CompletionCreation, CreatedCompletion, CompletionEvents]):
    """Asks a model to go on from texts."""

    served_as: ClassVar[str] = "completion"
    typed_member: ClassVar[str] = "completion"
    end_of_events: ClassVar[bytes] = b"data: [DONE]\n\n"
    is_divisible: ClassVar[bool] = True

    def caller_form(
        self, *, json: bytes | None = None, typed: CompletionCreation | None = None
    ) -> CompletionForm:
        """Hold a request."""
        return completion_request(json=json, typed=typed)

    def usage_message(self, usage: Quantities) -> ChatUsage:
        """Return what was used as OpenAI counts it."""
        return usage_message(usage)

    def requirements(self, body: bytes, *, stream: bool) -> Requirements:
        """Read a request; what it says of streaming is what its RPC says."""
        asked = _read(body)
        _check_prompt(asked.prompt)
        for name in ("n", "best_of", "max_tokens"):
            count = getattr(asked, name)
            if count is not None and not 0 <= count <= _MOST:
                raise InvalidRequest(f"{name} must not be negative, or so large", field=name)
        options = asked.stream_options
        best_of = asked.best_of or 1
        return Requirements(
            asked.model,
            "chat",
            stream,
            bool(options and options.include_usage),
            max_output=asked.max_tokens,
            # All that are made are paid, whichever are given.
            choices=prompts_in(asked.prompt) * max(1, asked.n or 1, best_of),
            fallbacks=asked.named_fallbacks(),
            session=asked.session(),
            tags=asked.tags(),
        )

    def split(self, call: CompletionCall, endpoint: Endpoint) -> Sequence[CompletionCall]:
        """Return a call for each text, where chats are asked."""
        if passes_completions(endpoint, call.model) or b"[" not in call.request.json:
            return (call,)
        prompts = call.typed.prompt
        if len(prompts) <= 1:
            return (call,)
        head = CompletionCreation()
        head.CopyFrom(call.typed)
        del head.prompt[:]
        return [_part(call, head, prompt) for prompt in prompts]

    def join(self, answers: Sequence[CompletionAnswer]) -> CompletionAnswer:
        """Return all completions in one answer."""
        return join_completions(answers)


def _check_prompt(prompt: str | list[object]) -> None:
    if not prompt:
        # One that is empty is a text to go on from, of which a model can make what it likes.
        if prompt == "":
            return
        raise InvalidRequest("prompt must not be empty", field="prompt")
    check_parts(prompts_in(prompt), "prompt")
    try:
        msgspec.convert(prompt, str if isinstance(prompt, str) else _list_type(prompt))
    except msgspec.ValidationError:
        message = "prompt must be a text, tokens, or a list of either"
        raise InvalidRequest(message, field="prompt") from None


def _list_type(prompt: list[object]) -> object:
    first = prompt[0]
    if isinstance(first, list):
        return list[list[int]]
    return list[int] if isinstance(first, int) else list[str]


def join_completions(answers: Sequence[CompletionAnswer]) -> CompletionAnswer:
    """Return the answer to the whole call; its usage is the sum, None if a part of it is unknown.

    One answer is passed on as it is.
    """
    if len(answers) == 1:
        return answers[0]
    whole = CreatedCompletion()
    whole.CopyFrom(answers[0].typed)
    del whole.choices[:]
    whole.ClearField("usage")
    for answer in answers:
        first = len(whole.choices)
        for choice in answer.typed.choices:
            whole.choices.add().CopyFrom(choice)
            whole.choices[-1].index = first + choice.index
    counted = [answer.usage for answer in answers if answer.usage is not None]
    if len(counted) < len(answers):
        return completion_answer(None, typed=whole)
    used = total(counted)
    whole.usage.CopyFrom(usage_message(used))
    return completion_answer(used, typed=whole)


def _part(
    call: CompletionCall, head: CompletionCreation, prompt: CompletionPrompt
) -> CompletionCall:
    request = CompletionCreation()
    request.CopyFrom(head)
    request.prompt.add().CopyFrom(prompt)
    # What the parts cannot say, the call could not: they share the list.
    part: CompletionCall = msgspec.structs.replace(call, request=completion_request(typed=request))
    return part


OPERATION = CompletionOperation()
