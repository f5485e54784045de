"""Requests of callers who speak another dialect, with all that these have; to be broken by fuzz."""

from typing import Any

from conduit_providers.inbound.sealed_thoughts import sealed

Json = dict[str, Any]
PICTURE = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
MESSAGE: Json = {
    "model": "my-alias",
    "max_tokens": 4096,
    "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Look."},
                {"type": "image", "source": PICTURE},
                {
                    "type": "document",
                    "title": "t",
                    "context": "c",
                    "citations": {"enabled": True},
                    "source": {"type": "content", "content": [{"type": "text", "text": "d"}]},
                },
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "EqQB"},
                {"type": "redacted_thinking", "data": sealed({"said": {}, "details": [{}]})},
                {"type": "text", "text": "I run it."},
                {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": [1]}},
                {"type": "compaction", "content": "so far"},
            ],
        },
        {"role": "system", "content": [{"type": "tool_addition", "tool": {}}]},
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "t1",
                    "content": [
                        {"type": "text", "text": "x"},
                        {"type": "image", "source": PICTURE},
                    ],
                    "is_error": True,
                }
            ],
        },
    ],
    "tools": [
        {"name": "f", "input_schema": {"type": "object", "properties": {"a": {}}}, "strict": True},
        {"type": "web_search_20250305", "name": "web_search"},
    ],
    "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
    "thinking": {"type": "enabled", "budget_tokens": 2048, "display": "omitted"},
    "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {}}},
    "metadata": {"user_id": "u"},
    "stop_sequences": ["a", "b", "c", "d", "e"],
    "service_tier": "auto",
    "temperature": 1,
    "top_k": 5,
}
RESPONSE: Json = {
    "model": "my-alias",
    "max_output_tokens": 4096,
    "instructions": "Be brief.",
    "input": [
        {"role": "developer", "content": "Be kind."},
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "Look."},
                {
                    "type": "input_image",
                    "detail": "low",
                    "image_url": f"data:image/png;base64,{PICTURE['data']}",
                },
                {
                    "type": "input_file",
                    "filename": "a.txt",
                    "file_data": "data:text/plain;base64,YQ==",
                },
                {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
            ],
        },
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "hm"}],
            "content": [{"type": "reasoning_text", "text": "hm"}],
            "encrypted_content": sealed({"said": {}, "details": [{}]}),
        },
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "content": [
                {"type": "output_text", "text": "I run it.", "annotations": []},
                {"type": "refusal", "refusal": "Not that."},
            ],
        },
        {"type": "function_call", "call_id": "t1", "name": "f", "arguments": '{"a": [1]}'},
        {"type": "custom_tool_call", "call_id": "t2", "name": "g", "input": "x"},
        {
            "type": "function_call_output",
            "call_id": "t1",
            "output": [{"type": "input_text", "text": "x"}],
        },
        {"type": "custom_tool_call_output", "call_id": "t2", "output": "y"},
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {}},
    ],
    "tools": [
        {
            "type": "function",
            "name": "f",
            "parameters": {"type": "object", "properties": {"a": {}}},
            "strict": True,
        },
        {
            "type": "custom",
            "name": "g",
            "format": {"type": "grammar", "syntax": "lark", "definition": "start: /x/"},
        },
        {
            "type": "namespace",
            "name": "n",
            "description": "d",
            "tools": [{"type": "function", "name": "h", "parameters": {}}],
        },
        {"type": "web_search", "filters": {"allowed_domains": ["a.example"]}},
    ],
    "tool_choice": {
        "type": "allowed_tools",
        "mode": "auto",
        "tools": [{"type": "function", "name": "f"}],
    },
    "parallel_tool_calls": False,
    "reasoning": {"effort": "low", "summary": "auto"},
    "text": {
        "format": {"type": "json_schema", "name": "s", "schema": {}, "strict": True},
        "verbosity": "low",
    },
    "include": ["reasoning.encrypted_content", "message.output_text.logprobs"],
    "top_logprobs": 2,
    "metadata": {"k": "v"},
    "user": "u",
    "service_tier": "auto",
    "store": False,
    "temperature": 1,
}
COMPLETION: Json = {
    "model": "my-alias",
    "prompt": "Once upon a time",
    "max_tokens": 64,
    "n": 1,
    "best_of": 2,
    "echo": True,
    "suffix": "",
    "logprobs": None,
    "logit_bias": {"50256": -100},
    "stop": ["a", "b"],
    "seed": 7,
    "temperature": 1,
    "top_p": 0.5,
    "frequency_penalty": 0.1,
    "presence_penalty": 0.1,
    "user": "u",
    "stream_options": {"include_usage": True},
    "top_k": 5,
    "metadata": {"k": "v"},
}
CONTENT: Json = {
    "systemInstruction": {"parts": [{"text": "Be brief."}]},
    "contents": [
        {
            "role": "user",
            "parts": [
                {"text": "Look."},
                {"inlineData": {"mimeType": "image/png", "data": PICTURE["data"]}},
                {"inline_data": {"mime_type": "text/plain", "data": "YQ=="}},
            ],
        },
        {
            "role": "model",
            "parts": [
                {"text": "hm", "thought": True, "thoughtSignature": "EqQB"},
                {"text": "I run it."},
                {
                    "functionCall": {"id": "t1", "name": "f", "args": {"a": [1]}},
                    "thoughtSignature": "EqQB",
                },
                {"executableCode": {"language": "PYTHON", "code": "1"}},
                {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"id": "t1", "name": "f", "response": {"output": "x"}}},
                {"text": "And?"},
            ],
        },
    ],
    "tools": [
        {
            "functionDeclarations": [
                {
                    "name": "f",
                    "description": "d",
                    "parameters": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}},
                },
                {"name": "g", "parametersJsonSchema": {"type": "object"}},
            ]
        },
        {"googleSearch": {}},
    ],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
    "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
    "generationConfig": {
        "maxOutputTokens": 64,
        "candidateCount": 1,
        "stopSequences": ["a", "b", "c", "d", "e"],
        "responseMimeType": "application/json",
        "responseSchema": {"type": "OBJECT", "properties": {"a": {"type": "INTEGER"}}},
        "thinkingConfig": {"thinkingBudget": 1024, "includeThoughts": True},
        "temperature": 1,
        "topK": 5,
        "responseLogprobs": True,
        "logprobs": 2,
        "responseModalities": ["TEXT"],
    },
    "labels": {"k": "v"},
}
COUNTING: Json = {
    "model": "my-alias",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Hello"}]},
        {
            "role": "assistant",
            "tool_calls": [
                {"id": "t1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
            ],
        },
        {"role": "tool", "tool_call_id": "t1", "content": "x"},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
}
