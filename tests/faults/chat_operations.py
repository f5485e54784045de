"""Chats that meet faults, as OpenAI's dialect has them and as others that are framed otherwise."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from tests.faults.chat_answers import CHATS
from tests.faults.operation import Operation

from conduit.v1 import router_requests_pb2 as pb
from conduit.v1.call_pb2 import CallOptions
from conduit.v1.chat_message_pb2 import CHAT_ROLE_USER, ChatMessage, ContentPart
from conduit.v1.chat_pb2 import ChatCompletionRequest

TURNS = {"messages": [{"role": "user", "content": "hi"}]}
STREAMED = {"stream": True}
_PATH = "/v1/chat/completions"
_SETTINGS: Mapping[str, Mapping[str, str]] = {"Bedrock": {"region": "us-east-1"}}
_NO_SETTINGS: Mapping[str, str] = MappingProxyType({})


def chat(alias: str) -> ChatCompletionRequest:
    """Return a conversation."""
    turn = ChatMessage(role=CHAT_ROLE_USER, content=[ContentPart(text="hi")])
    return ChatCompletionRequest(model=alias, messages=[turn])


def _chat(alias: str, options: CallOptions) -> pb.ChatRequest:
    return pb.ChatRequest(chat=chat(alias), options=options)


def _stream_chat(alias: str, options: CallOptions) -> pb.StreamChatRequest:
    return pb.StreamChatRequest(chat=chat(alias), options=options)


CHAT = Operation("chat", _PATH, "Chat", TURNS, _chat)
STREAM_CHAT = Operation(
    "chat",
    _PATH,
    "StreamChat",
    TURNS | STREAMED,
    _stream_chat,
    is_stream=True,
    is_continuable=True,
)


def _chats(provider_type: str) -> Sequence[Operation]:
    """Return chats in a dialect, whole and streamed."""
    return [
        each._replace(
            name=f"chat_{provider_type.lower()}",
            provider_type=provider_type,
            settings=_SETTINGS.get(provider_type, _NO_SETTINGS),
            like="chat",
            takes_turns=True,
        )
        for each in (CHAT, STREAM_CHAT)
    ]


KEYED: Sequence[Operation] = [
    each._replace(name="chat_keyed", like="chat", is_keyed=True, takes_turns=True)
    for each in (CHAT, STREAM_CHAT)
]
FRAMED: Sequence[Operation] = [
    each
    for provider_type in ("Anthropic", "Bedrock", "Cohere", "Gemini", "Ollama")
    for each in _chats(provider_type)
]
assert {each.name for each in FRAMED} == {*CHATS}
