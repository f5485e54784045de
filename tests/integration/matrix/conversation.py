"""The one conversation that all types are asked, with nothing changed but the alias."""

from typing import Any

Json = dict[str, Any]

# One transparent pixel.
PICTURE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
WEATHER: Json = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tells the weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}
INSTRUCTIONS: Json = {"role": "system", "content": "You are brief."}
SEEN = [
    {"type": "text", "text": "What is in this picture?"},
    {"type": "image_url", "image_url": {"url": PICTURE}},
]
ASKED: dict[str, Any] = {
    "plain": "Hello!",
    "tools": "What is the weather in Paris?",
    "image": SEEN,
    "stream": "Hello!",
    "stream_tools": "What is the weather in Paris?",
}


def request(part: str, alias: str) -> Json:
    """Return the request of a part; streams ask for the usage."""
    made: Json = {
        "model": alias,
        "messages": [INSTRUCTIONS, {"role": "user", "content": ASKED[part]}],
    }
    if part.endswith("tools"):
        made |= {"tools": [WEATHER], "tool_choice": "auto"}
    if part.startswith("stream"):
        made |= {"stream": True, "stream_options": {"include_usage": True}}
    return made
