"""A model's turn in each dialect: the blocks that a provider gave, and those that are sent back.

Both are written alike, so that they can be compared: without members that say nothing, and texts
that came in pieces as one.
"""

from collections.abc import Callable, Iterator
from typing import Any

import orjson
from tests.support.replays import Replay

Json = dict[str, Any]
Turn = list[Json]
EMPTY: tuple[object, ...] = (None, [], {}, "")


def given_in(replay: Replay) -> list[Turn]:
    """Return the turns that an answer gives, one for each choice."""
    return _dialect(replay)[0](replay)


def turn_sent(replay: Replay, body: Json) -> Turn:
    """Return the model's last turn in a request."""
    return _dialect(replay)[1](body)


def _dialect(replay: Replay) -> tuple[Callable[[Replay], list[Turn]], Callable[[Json], Turn]]:
    name = replay.endpoint.codec
    if name == "vertex_chat":
        name = "anthropic_chat" if "claude" in replay.asked.model else "gemini_chat"
    return _DIALECTS[name]


def _whole(replay: Replay) -> Json:
    return dict(orjson.loads(replay.response.body))


def _events(replay: Replay) -> Iterator[tuple[str, Json]]:
    """Yield the events of a stream, with their names."""
    for event in replay.case.received.body.replace(b"\r\n", b"\n").split(b"\n\n"):
        name, data = "", []
        for line in event.splitlines():
            if line.startswith(b"event:"):
                name = line[6:].strip().decode()
            elif line.startswith(b"data:"):
                data.append(line[5:].strip())
        text = b"".join(data)
        if text.startswith(b"{"):
            yield name, orjson.loads(text)


def _plain(block: Json) -> Json:
    return {name: value for name, value in block.items() if value not in EMPTY}


def _last(messages: list[Json], role: str) -> Json:
    return next(each for each in reversed(messages) if each["role"] == role)


# Anthropic


def _anthropic_given(replay: Replay) -> list[Turn]:
    if not replay.fresh_call().stream:
        return [_anthropic_turn(_whole(replay)["content"])]
    blocks: dict[int, Json] = {}
    inputs: dict[int, str] = {}
    for _, event in _events(replay):
        at = event.get("index", 0)
        match event["type"]:
            case "content_block_start":
                blocks[at] = dict(event["content_block"])
            case "content_block_delta":
                _anthropic_delta(blocks[at], event["delta"], inputs, at)
    for at, text in inputs.items():
        blocks[at]["input"] = orjson.loads(text)
    return [_anthropic_turn(list(blocks.values()))]


def _anthropic_delta(block: Json, delta: Json, inputs: dict[int, str], at: int) -> None:
    match delta["type"]:
        case "input_json_delta" if delta["partial_json"]:
            inputs[at] = inputs.get(at, "") + delta["partial_json"]
        case "citations_delta":
            block["citations"] = [*(block.get("citations") or []), delta["citation"]]
        case "text_delta" | "thinking_delta" | "signature_delta":
            name = delta["type"].removesuffix("_delta")
            block[name] = (block.get(name) or "") + delta[name]
        case "compaction_delta":
            block |= {name: delta[name] for name in delta if name != "type"}


def _anthropic_turn(blocks: list[Json] | str) -> Turn:
    if isinstance(blocks, str):
        blocks = [{"type": "text", "text": blocks}]
    found = [_plain(block) for block in blocks]
    for block in found:
        # Which is what a call without a caller means.
        if block.get("caller") == {"type": "direct"}:
            del block["caller"]
    return [block for block in found if block != {"type": "text"}]


def _anthropic_sent(body: Json) -> Turn:
    return _anthropic_turn(_last(body["messages"], "assistant")["content"])


# Gemini


def _gemini_given(replay: Replay) -> list[Turn]:
    is_stream = replay.fresh_call().stream
    answers = [event for _, event in _events(replay)] if is_stream else [_whole(replay)]
    turns: dict[int, Turn] = {}
    for answer in answers:
        for place, candidate in enumerate(answer.get("candidates") or ()):
            turn = turns.setdefault(candidate.get("index") or place, [])
            turn += candidate.get("content", {}).get("parts") or []
    return [_gemini_turn(turn) for turn in turns.values()]


def _gemini_turn(parts: Turn) -> Turn:
    found: Turn = []
    for part in map(_plain, parts):
        last = found[-1] if found else {}
        is_text = part.keys() <= {"text", "thought", "thoughtSignature"}
        goes_on = last.keys() <= {"text", "thought"} and "text" in last
        if is_text and goes_on and bool(part.get("thought")) == bool(last.get("thought")):
            last["text"] += part.get("text", "")
            last |= {name: part[name] for name in part if name == "thoughtSignature"}
        elif part and not (is_text and part.keys() == {"thought"}):
            found.append(part)
    for part in found:
        if part.get("thoughtSignature") == "skip_thought_signature_validator":
            del part["thoughtSignature"]
        if call := part.get("functionCall"):
            part["functionCall"] = {"args": {}} | call
    return found


def _gemini_sent(body: Json) -> Turn:
    return _gemini_turn(_last(body["contents"], "model")["parts"])


# Bedrock


def _bedrock_given(replay: Replay) -> list[Turn]:
    if not replay.fresh_call().stream:
        return [_bedrock_turn(_whole(replay)["output"]["message"]["content"])]
    blocks: dict[int, Json] = {}
    for name, event in _events(replay):
        block = blocks.setdefault(event.get("contentBlockIndex", -1), {})
        if name == "contentBlockStart":
            block |= event["start"]
        elif name == "contentBlockDelta":
            _bedrock_delta(block, event["delta"])
    for block in blocks.values():
        if "toolUse" in block:
            block["toolUse"]["input"] = orjson.loads(block["toolUse"].get("input") or "{}")
        if cited := block.pop("citations", None):
            said = [{"text": block.pop("text")}]
            block["citationsContent"] = {"content": said, "citations": cited}
    return [_bedrock_turn(list(blocks.values()))]


def _bedrock_delta(block: Json, delta: Json) -> None:
    if "text" in delta:
        block["text"] = block.get("text", "") + delta["text"]
    if "citation" in delta:
        block.setdefault("citations", []).append(delta["citation"])
    if "toolUse" in delta:
        block["toolUse"]["input"] = block["toolUse"].get("input", "") + delta["toolUse"]["input"]
    if "toolResult" in delta:
        block["toolResult"].setdefault("content", []).extend(delta["toolResult"])
    for name, value in delta.get("reasoningContent", {}).items():
        thought = block.setdefault("reasoningContent", {})
        if name != "redactedContent":
            thought = thought.setdefault("reasoningText", {})
        thought[name] = thought.get(name, "") + value


def _bedrock_turn(blocks: Turn) -> Turn:
    found = [_plain(block) for block in blocks]
    for block in found:
        # Beside the type of the provider's own calls; requests know no other.
        if block.get("toolUse", {}).get("type") == "tool_use":
            block["toolUse"] = {k: v for k, v in block["toolUse"].items() if k != "type"}
    return [block for block in found if block]


def _bedrock_sent(body: Json) -> Turn:
    return _bedrock_turn(_last(body["messages"], "assistant")["content"])


# Cohere


def _cohere_given(replay: Replay) -> list[Turn]:
    if not replay.fresh_call().stream:
        return [_cohere_turn(_whole(replay)["message"])]
    message: Json = {"content": [], "tool_calls": [], "tool_plan": ""}
    for _, event in _events(replay):
        said = (event.get("delta") or {}).get("message") or {}
        match event.get("type"):
            case "content-start":
                message["content"].append(dict(said["content"]))
            case "content-delta":
                block = message["content"][-1]
                for name in said["content"].keys() - {"type"}:
                    block[name] = (block.get(name) or "") + said["content"][name]
            case "tool-plan-delta":
                message["tool_plan"] += said["tool_plan"]
            case "tool-call-start":
                message["tool_calls"].append(said["tool_calls"])
            case "tool-call-delta":
                function = message["tool_calls"][-1]["function"]
                function["arguments"] += said["tool_calls"]["function"]["arguments"]
    return [_cohere_turn(message)]


def _cohere_turn(message: Json) -> Turn:
    content = message.get("content") or []
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    found: Turn = [_plain(block) for block in content]
    if message.get("tool_plan"):
        found.append({"tool_plan": message["tool_plan"]})
    found += [_call(each) for each in message.get("tool_calls") or ()]
    return [block for block in found if block != {"type": "text"}]


def _call(call: Json) -> Json:
    function = call["function"]
    arguments = function.get("arguments") or "{}"
    read = orjson.loads(arguments) if isinstance(arguments, str) else arguments
    return _plain({"id": call.get("id")}) | {"name": function["name"], "arguments": read}


def _cohere_sent(body: Json) -> Turn:
    return _cohere_turn(_last(body["messages"], "assistant"))


# Ollama


def _ollama_given(replay: Replay) -> list[Turn]:
    message: Json = {"tool_calls": []}
    for line in replay.response.body.splitlines() if replay.fresh_call().stream else [b""]:
        piece = orjson.loads(line) if line else _whole(replay)
        for name, value in (piece.get("message") or {}).items():
            if name == "tool_calls":
                message[name] += value
            elif value:
                message[name] = message.get(name, "") + value
    return [_ollama_turn(message)]


def _ollama_turn(message: Json) -> Turn:
    found = [{name: message[name]} for name in ("thinking", "content") if message.get(name)]
    return found + [_call(each) for each in message.get("tool_calls") or ()]


def _ollama_sent(body: Json) -> Turn:
    found = _ollama_turn(_last(body["messages"], "assistant"))
    for block in found:
        # To calls without an id we give one of our own.
        if block.get("id", "").startswith("call_ollama_"):
            del block["id"]
    return found


# Perplexity


def _perplexity_given(replay: Replay) -> list[Turn]:
    if not replay.fresh_call().stream:
        return [_perplexity_turn(_whole(replay)["output"])]
    last = [event["response"]["output"] for _, event in _events(replay) if event.get("response")]
    return [_perplexity_turn(last[-1])]


def _perplexity_turn(items: list[Json]) -> Turn:
    said = ""
    found: Turn = []
    for item in items:
        content = item.get("content")
        if item["type"] == "function_call":
            named = ("call_id", "name", "arguments", "thought_signature")
            found.append(_plain({name: item.get(name) for name in named}))
        elif item["type"] == "message":
            pieces = [{"text": content}] if isinstance(content, str) else content or []
            said += "".join(piece["text"] for piece in pieces)
    return [{"text": said}, *found] if said else found


def _perplexity_sent(body: Json) -> Turn:
    turn: list[Json] = []
    for item in reversed(body["input"]):
        is_models = item["type"] == "function_call" or item.get("role") == "assistant"
        if turn and not is_models:
            break
        turn += [item] if is_models else []
    return _perplexity_turn(turn[::-1])


# What the dialects have in common with OpenAI's.


def _openai_given(replay: Replay) -> list[Turn]:
    if not replay.fresh_call().stream:
        return [_openai_turn(choice["message"]) for choice in _whole(replay)["choices"]]
    joined: dict[int, Json] = {}
    for _, event in _events(replay):
        for choice in event.get("choices") or ():
            message = joined.setdefault(choice["index"], {"content": [], "tool_calls": []})
            _openai_delta(message, choice.get("delta") or {})
    return [_openai_turn(message) for message in joined.values()]


def _openai_delta(message: Json, delta: Json) -> None:
    content = delta.get("content") or []
    is_text = isinstance(content, str)
    message["content"] += [{"type": "text", "text": content}] if is_text else content
    for piece in delta.get("tool_calls") or ():
        calls = message["tool_calls"]
        known = [each for each in calls if each.get("index") == piece.get("index")]
        is_named = bool((piece.get("function") or {}).get("name"))
        is_other = piece.get("id") not in {None, "null", known[-1].get("id") if known else None}
        if not known or is_other or ("index" not in piece and is_named):
            calls.append({**piece, "function": {**piece["function"]}})
        else:
            function = known[-1]["function"]
            more = piece["function"]["arguments"]
            function["arguments"] = (function.get("arguments") or "") + more


def _openai_turn(message: Json) -> Turn:
    content = message.get("content") or []
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    said = "".join(each["text"] for each in content if each["type"] == "text")
    thought = "".join(
        piece["text"]
        for each in content
        if each["type"] == "thinking"
        for piece in each["thinking"]
        if piece["type"] == "text"
    )
    found = [_plain({"thinking": thought, "text": said or message.get("refusal")})]
    found += [_call(each) for each in message.get("tool_calls") or ()]
    return [block for block in found if block]


def _openai_sent(body: Json) -> Turn:
    return _openai_turn(_last(body["messages"], "assistant"))


_DIALECTS: dict[str, tuple[Callable[[Replay], list[Turn]], Callable[[Json], Turn]]] = {
    "anthropic_chat": (_anthropic_given, _anthropic_sent),
    "bedrock_chat": (_bedrock_given, _bedrock_sent),
    "cohere_chat": (_cohere_given, _cohere_sent),
    "gemini_chat": (_gemini_given, _gemini_sent),
    "mistral_chat": (_openai_given, _openai_sent),
    "ollama_chat": (_ollama_given, _ollama_sent),
    "openai_chat": (_openai_given, _openai_sent),
    "perplexity_chat": (_perplexity_given, _perplexity_sent),
}
