"""OpenAI's way to make a conversation shorter, for callers who speak its Responses.

https://developers.openai.com/api/reference/resources/responses/methods/compact; openai 3.57.0, the
Python SDK: types.responses.compacted_response.
"""

import msgspec

from conduit_providers.codecs.openai.response import CODEC as RESPONSES
from conduit_providers.codecs.openai.response import ResponseUsage, below
from conduit_providers.codecs.shared.answers import read_answer
from conduit_providers.failures import error_in_stream, malformed
from conduit_providers.inbound.account_marks import marked
from conduit_providers.inbound.response_form import ResponseCall
from conduit_providers.json_reading import JsonReader
from conduit_providers.operations.response_compaction import CompactionAnswer, compaction_answer
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse

PATH = "compact"


class _Compaction(msgspec.Struct, gc=False):
    output: list[object] | None = None
    usage: ResponseUsage | None = None
    error: object = None


_READER = JsonReader(_Compaction)


class OpenAIResponseCompactionCodec:
    """Speaks `POST /responses/compact`."""

    def to_upstream(self, call: ResponseCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Pass the caller's body on, with the provider's name of the model."""
        request = RESPONSES.to_upstream(call, endpoint, target)
        return msgspec.structs.replace(request, path=below(request.path, (PATH,)))

    def from_upstream(
        self, response: HttpResponse, call: ResponseCall, endpoint: Endpoint
    ) -> CompactionAnswer:
        """Pass the provider's body on, after a look at its counts."""
        found = read_answer(_READER, response.body, call.provider, "it is no compaction")
        if found.error is not None:
            raise error_in_stream(found.error, call.provider)
        if not found.output:
            raise malformed(call.provider, "it has no output")
        usage = found.usage.quantities() if found.usage is not None else None
        return compaction_answer(marked(response.body, call.account), usage)


CODEC = OpenAIResponseCompactionCodec()
