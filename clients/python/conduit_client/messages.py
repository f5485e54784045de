"""Turns of a conversation, without much ado."""

from conduit.v1 import chat_message_pb2 as pb


def system(words: str) -> pb.ChatMessage:
    """Return what the model shall always keep in mind."""
    return pb.ChatMessage(role=pb.CHAT_ROLE_SYSTEM, content=[text(words)])


def user(*parts: str | pb.ContentPart) -> pb.ChatMessage:
    """Return a turn of the user: words, images and more, in order."""
    content = [text(part) if isinstance(part, str) else part for part in parts]
    return pb.ChatMessage(role=pb.CHAT_ROLE_USER, content=content)


def assistant(words: str) -> pb.ChatMessage:
    """Return a turn of the model in words; one with tool calls comes back as it was received."""
    return pb.ChatMessage(role=pb.CHAT_ROLE_ASSISTANT, content=[text(words)])


def tool_result(call_id: str, words: str) -> pb.ChatMessage:
    """Return what a tool that the model called has to say."""
    return pb.ChatMessage(role=pb.CHAT_ROLE_TOOL, tool_call_id=call_id, content=[text(words)])


def text(words: str) -> pb.ContentPart:
    """Return words as a part of a turn."""
    return pb.ContentPart(text=words)


def image(url: str) -> pb.ContentPart:
    """Return an image as a part of a turn; the URL may hold it: `data:image/png;base64,...`."""
    return pb.ContentPart(image_url=pb.ImageUrl(url=url))
