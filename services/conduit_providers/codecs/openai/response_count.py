"""OpenAI's own count of what a response would read, which is free.

https://developers.openai.com/api/reference/resources/responses/subresources/input_tokens/methods/count;
openai 3.57.0, the Python SDK: types.responses.input_token_count_params has the members.
"""

import msgspec
import orjson

from conduit_providers.codecs.openai.response import CODEC as RESPONSES
from conduit_providers.codecs.openai.response import below
from conduit_providers.codecs.shared.answers import read_answer
from conduit_providers.codecs.shared.passed_body import members_in
from conduit_providers.failures import error_in_stream, malformed
from conduit_providers.inbound.response_form import ResponseCall
from conduit_providers.json_reading import JsonReader
from conduit_providers.operations.response_count import ResponseCountAnswer, response_count_answer
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse

PATH = "input_tokens"
# All that the API takes.
_COUNTED = frozenset(
    {"conversation", "input", "instructions", "model", "parallel_tool_calls", "personality"}
    | {"previous_response_id", "reasoning", "text", "tool_choice", "tools", "truncation"}
)


class _Count(msgspec.Struct, gc=False):
    input_tokens: int | None = None
    error: object = None


_READER = JsonReader(_Count)


class OpenAIResponseCountCodec:
    """Speaks `POST /responses/input_tokens`."""

    def to_upstream(self, call: ResponseCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Pass on what of the caller's body counts, with the provider's name of the model."""
        request = RESPONSES.to_upstream(call, endpoint, target)
        members = members_in(request.body)
        counted = {name: value for name, value in members.items() if name in _COUNTED}
        return msgspec.structs.replace(
            request, path=below(request.path, (PATH,)), body=orjson.dumps(counted)
        )

    def from_upstream(
        self, response: HttpResponse, call: ResponseCall, endpoint: Endpoint
    ) -> ResponseCountAnswer:
        """Pass the provider's body on."""
        found = read_answer(_READER, response.body, call.provider, "it is not a count")
        if found.error is not None:
            raise error_in_stream(found.error, call.provider)
        if found.input_tokens is None:
            raise malformed(call.provider, "it has no count")
        return response_count_answer(response.body)


CODEC = OpenAIResponseCountCodec()
