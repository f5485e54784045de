"""Conduit from Python, over gRPC.

async with ConduitClient("127.0.0.1:50052", api_key="condt_...") as client:
    answer = await client.chat("gpt-4", user("hello"))
    print(answer.text, answer.report.cost_nano_usd)

    async with client.stream_chat("gpt-4", user("hello")) as stream:
        async for text in stream.texts():
            print(text, end="")
"""

from conduit_client.answers import (
    ChatAnswer,
    ChatStream,
    EmbedAnswer,
    ImageAnswer,
    RerankAnswer,
    TranscribeAnswer,
)
from conduit_client.client import ConduitClient
from conduit_client.errors import CallFailed, StreamIncomplete
from conduit_client.messages import assistant, image, system, text, tool_result, user

__all__ = [
    "CallFailed",
    "ChatAnswer",
    "ChatStream",
    "ConduitClient",
    "EmbedAnswer",
    "ImageAnswer",
    "RerankAnswer",
    "StreamIncomplete",
    "TranscribeAnswer",
    "assistant",
    "image",
    "system",
    "text",
    "tool_result",
    "user",
]
