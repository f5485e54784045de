"""Fits generated requests to what JSON Schema cannot say, or only the gateway that runs knows.

Schemathesis imports it by its name in `allowed.toml`. Whatever is taken out here has tests of
its own.
"""

from typing import Any

import schemathesis

# Any: JSON, and Schemathesis's own values, whose types are not there where it is not installed.
Json = dict[str, Any]

# By member: what the catalog, the network or the gateway's own configuration decides.
FIXED: Json = {
    "providerType": "Simulator",
    "settings": {},
    "apiKey": "sk-any",
    "timeZone": "Europe/Berlin",
    "baseUrl": "https://api.example.com/v1",
    "url": "http://127.0.0.1:9/",
    "allowedIPs": ["10.0.0.0/8"],
    "yaml": "version: 1\n",
    "dryRun": True,
    # Nobody pays nothing in.
    "amountUsd": 5,
    # Its names have from 1 to 64 characters.
    "metadata": {"team": "research"},
    # Of an MCP server: what is a header, and for whom there is.
    "headers": {"authorization": "Bearer a"},
    "grants": [{"tools": ["*"]}],
}
DOCUMENT: Json = {"version": 1}
SAMPLES = {"audio_sample", "consent_recording"}
VOICE: Json = {"name": "Ann", "type": "prompt", "prompt": "warm"}
# The gateway's own model.
MODEL = "echo"
CONTENTS: Json = {"contents": [{"role": "user", "parts": [{"text": "a"}]}]}
SOURCES = ("image_url", "file_id", "file")
PRICES = ("inputCostPer1kTokens", "outputCostPer1kTokens", "costPerUnit")
# Of a price, and of what it is for long requests or some alone.
PRICED = {
    *(*PRICES, "unitCosts", "modelPattern", "costCalculationType", "aboveInputTokens", "when"),
}
# Where a page begins is the gateway's, and the first day is not behind the last one.
UNKNOWN_QUERY = {"after", "pageToken", "page_token", "startDate", "start_date", "stream"}
# Nobody works on a response while nobody waits, and what there is to go on from the gateway knows.
UNKNOWN_MEMBERS = {"background", "previous_response_id"}
# Instances and models by names that there are, and tags, of which there are 16 at most.
UNKNOWN_HEADERS = {"x-conduit-provider", "x-conduit-fallbacks", "x-conduit-tags"}
MONEY_DIGITS = 6
LEAST = 10**-MONEY_DIGITS
WRONG = {"invalid_request", "malformed_json"}


def fit_body(context: Any, body: Any) -> Any:  # noqa: ANN401 # JSON
    """Return a body whose parts fit each other, and the gateway."""
    if not isinstance(body, dict):
        return body
    if context.operation.path == "/api/config" and "yaml" not in body:
        # The document itself.
        return DOCUMENT
    if "}:" in context.operation.path:
        # The contract leaves to Google what its members hold.
        return CONTENTS
    if context.operation.path.startswith("/v1/"):
        return _fit_call(_fit_parts(context.operation.path, body))
    if context.operation.path == "/api/routes/explain":
        # Either of the two has to be there.
        body = body if body.get("requestId") else body | {"model": MODEL}
    if context.operation.path == "/api/usage/reprice":
        # The first day is not behind the last one, and pages begin where the gateway says.
        body = {name: value for name, value in body.items() if name != "pageToken"}
        days = sorted(body[name] for name in ("startDate", "endDate"))
        body = body | dict(zip(("startDate", "endDate"), days, strict=True))
    if "/keys" in context.operation.path and body.get("baseUrl") is not None:
        # A key that is sent elsewhere is asked for again.
        body = body | {"apiKey": FIXED["apiKey"]}
    if context.operation.path == "/api/virtual-keys/{id}":
        # The hash of a value that another gateway made is given with the key, and never again.
        body = {name: value for name, value in body.items() if name != "keySha256"}
    if context.operation.path == "/api/providers/{id}":
        # An instance with keys stays where they were given for.
        body = {name: value for name, value in body.items() if name != "baseUrl"}
    return _fit_resource(body)


def fit_query(_context: Any, query: Any) -> Any:  # noqa: ANN401 # JSON
    """Return a query of names that there are."""
    if not isinstance(query, dict):
        return query
    kept = {name: value for name, value in query.items() if name not in UNKNOWN_QUERY}
    return kept | {name: FIXED[name] for name in kept.keys() & {"providerType"}}


def fit_headers(_context: Any, headers: Any) -> Any:  # noqa: ANN401 # JSON
    """Return headers without names that there are not."""
    if not isinstance(headers, dict):
        return headers
    return {name: value for name, value in headers.items() if name not in UNKNOWN_HEADERS}


def is_taken(_context: Any, response: Any, _case: Any) -> None:  # noqa: ANN401 # theirs
    """Fail where the gateway calls a request wrong that the document allows.

    A provider's refusal, and what no provider of a model can do, are other answers.
    """
    if response.status_code == 400:
        told = response.json()
        error = told.get("error")
        # Google's errors have a number there, and their reasons beside it.
        details = error.get("details") if isinstance(error, dict) else None
        code = details[0]["reason"] if details else told.get("code") or error["code"]
        # A former value of a key is one for a time, and takes no changes; who is one is not said,
        # nor which groups are paid for in advance, nor which responses were made in the background.
        named = told.get("field") or (error.get("param") if isinstance(error, dict) else None)
        if named not in {"keyId", "virtualKeyGroupId", "id"}:
            assert code.lower() not in WRONG, f"refused: {response.text}"


def _fit_parts(path: str, body: Json) -> Json:
    """Return a call with what its route demands beyond what its members are."""
    if path == "/v1/realtime/client_secrets":
        session = body.get("session") or {}
        body = body | {"session": session | {"type": "realtime", "model": MODEL}}
    if path == "/v1/audio/voices":
        # Of samples or of a description, as its type says.
        body = {name: body[name] for name in body if name not in SAMPLES} | VOICE
    if path.startswith("/v1/responses/"):
        # What goes on from nothing, as it does not here.
        body = {name: body[name] for name in body if name not in UNKNOWN_MEMBERS}
        body = body | {"input": "a"}
    if path == "/v1/responses":
        body = {name: body[name] for name in body if name not in UNKNOWN_MEMBERS}
        # Events with names are held to the schema as if their names were a part of their JSON.
        body = body | {"input": body.get("input") or "a", "stream": False}
    if path == "/v1/moderations":
        # Texts or parts, of which the document says what they may be, and not what there must be.
        body = body | {"input": "a"}
    if path == "/v1/tokenize":
        # Of one of the two.
        body = {name: body[name] for name in body if name not in {"messages", "tools"}}
        body = body | {"prompt": "a"}
    if path == "/v1/completions":
        # Chats are asked, which fill no gaps, and have no odds of what was said to them.
        body = {name: body[name] for name in body if name not in {"suffix", "echo"}}
        # Events are held to the schema as if the JSON of their data were they.
        body = body | {"prompt": "a", "n": 1, "best_of": 1, "stream": False}
    if path == "/v1/batches":
        # Of a route that takes batches; which they are, the gateway knows.
        body = body | {"endpoint": "/v1/chat/completions", "metadata": FIXED["metadata"]}
    if path == "/v1/messages":
        # Somebody says each.
        turns = [turn | {"role": turn.get("role", "user")} for turn in body.get("messages") or ()]
        body = body | {"messages": turns or [{"role": "user", "content": "a"}], "stream": False}
    return body


def _fit_call(body: Json) -> Json:
    """Return a call of the gateway's model; OpenAI's API takes no 5.0 for 5 either."""
    whole = {name: _fit_value(value) for name, value in body.items()}
    if "model" in whole:
        whole["model"] = MODEL
    if whole.get("input") == "":
        # Beside texts, an empty one is taken; alone it is nothing to embed.
        whole["input"] = "a"
    return whole


def _fit_value(value: Any) -> Any:  # noqa: ANN401 # JSON
    if isinstance(value, list):
        return [_fit_value(each) for each in value]
    if isinstance(value, dict):
        # A picture has one source.
        others = [each for each in SOURCES if each in value][1:]
        return {name: _fit_value(each) for name, each in value.items() if name not in others}
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _fit_resource(value: Any) -> Any:  # noqa: ANN401 # JSON
    if isinstance(value, list):
        return [_fit_resource(each) for each in value]
    if isinstance(value, float):
        # Amounts have nine decimal places at most, and fifteen digits as numbers.
        return round(value, MONEY_DIGITS) or (value and LEAST)
    if not isinstance(value, dict):
        return value
    found = {
        name: FIXED[name] if name in FIXED and each is not None else _fit_resource(each)
        for name, each in value.items()
    }
    # Charges that are priced anew are those of models, too.
    if found.keys() & PRICED and "startDate" not in found:
        found = _fit_price(found)
    if None not in (found.get("security"), found.get("providerSecurity")):
        # Two names of one member.
        del found["providerSecurity"]
    if found.get("budgets"):
        # One of each period.
        found["budgets"] = [*{each.get("period"): each for each in found["budgets"]}.values()]
        for each in found["budgets"]:
            if each.get("period") == "Rolling":
                each["rollingHours"] = each.get("rollingHours") or 24
            else:
                each.pop("rollingHours", None)
    if found.get("guardrails"):
        found["guardrails"] = [
            # An expression, names that differ, and something to look for.
            each | {"name": f"g{number}", "patterns": ["a+"]}
            for number, each in enumerate(found["guardrails"])
        ]
    return _fit_chain(found)


def _fit_price(found: Json) -> Json:
    """Return a price with what has to be there, which follows from what is counted."""
    if found.get("unitCosts"):
        # Each of another unit.
        found["unitCosts"] = [*{each["unit"]: each for each in found["unitCosts"]}.values()]
    if found.keys() & {"aboveInputTokens", "when"}:
        # Of long requests, or of some alone: no more than it says, and something.
        return found | {PRICES[0]: 1}
    found |= {name: found.get(name) or 1 for name in PRICES}
    if found.get("effectiveUntil"):
        # Which is behind the time from which on it is in force.
        found.pop("effectiveFrom", None)
    if found.get("tiers"):
        # Each above another number of tokens.
        found["tiers"] = [*{each["aboveInputTokens"]: each for each in found["tiers"]}.values()]
    if found.get("conditions"):
        # Each of something else.
        found["conditions"] = [
            # Of some at least, each with a text.
            each | {"when": {"service_tier": f"t{number}"}}
            for number, each in enumerate(found["conditions"])
        ]
    return found


def _fit_chain(found: Json) -> Json:
    """Return a chain, or a step of one, without parts that exclude each other."""
    if "timeouts" in found:
        found.pop("timeout", None)
    if found.get("retries"):
        found["retries"] = [*{each["failure"]: each for each in found["retries"]}.values()]
    if found.get("providers"):
        places = {
            (s.get("providerId", 0), s.get("actualModelName", "").strip()): s
            for s in found["providers"]
        }
        first, *_ = found["providers"] = [*places.values()]
        first.pop("conditions", None)
    return found


def fit_case(context: Any, case: Any) -> Any:  # noqa: ANN401 # theirs
    """Return a request with a body where one of several members has to be there."""
    if context.operation.path == "/api/routes/explain" and not isinstance(case.body, dict):
        case.body = {"model": MODEL}
    return case


schemathesis.hook("map_case")(fit_case)
schemathesis.hook("map_body")(fit_body)
schemathesis.hook("map_query")(fit_query)
schemathesis.hook("map_headers")(fit_headers)
schemathesis.check(is_taken)
