"""Bedrock's count of what a chat would read.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CountTokens.html; botocore,
bedrock-runtime: the shape ConverseTokensRequest has the members that are taken.
"""

import msgspec
import orjson

from conduit_providers.codecs.bedrock.chat import CODEC as CHATS
from conduit_providers.codecs.shared.answers import read_answer
from conduit_providers.failures import malformed
from conduit_providers.json_reading import JsonReader
from conduit_providers.operations.chat import ChatCall
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse

_CONVERSE, _COUNT = "/converse", "/count-tokens"
_TAKEN = frozenset({"messages", "system", "toolConfig", "additionalModelRequestFields"})


class _Count(msgspec.Struct):
    inputTokens: int | None = None  # noqa: N815 # AWS's spelling


_READER = JsonReader(_Count)


class BedrockTokenCounter:
    """Speaks `POST /model/{modelId}/count-tokens`."""

    def to_upstream(self, call: ChatCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Build the request out of the chat's."""
        request = CHATS.to_upstream(call, endpoint, target)
        members = orjson.loads(request.body)
        taken = {name: members[name] for name in members if name in _TAKEN}
        return msgspec.structs.replace(
            request,
            path=request.path.removesuffix(_CONVERSE) + _COUNT,
            body=orjson.dumps({"input": {"converse": taken}}),
        )

    def count(self, response: HttpResponse, provider: str) -> int:
        """Return the tokens."""
        found = read_answer(_READER, response.body, provider, "it is not a count")
        if found.inputTokens is None:
            raise malformed(provider, "it has no count")
        return found.inputTokens


CODEC = BedrockTokenCounter()
