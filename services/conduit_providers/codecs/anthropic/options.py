"""What the catalog says to Anthropic's dialect."""

from typing import Literal

import msgspec


class ChatOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options that hold for all models of an endpoint."""

    # The limit of requests that set none, because the API demands one. Every current model can
    # write this much, and a whole answer of this length still comes within the ten minutes that
    # the API allows without streaming.
    default_max_tokens: int = 16_384
    # The `anthropic-version` of requests with temperature, top_p or top_k, where the ordinary one
    # knows them no more; empty where it does.
    sampling_version: str = ""
    # The `anthropic_version` that resellers want in the body, in the place of the model, which they
    # have in the path; empty where the version is a header.
    body_version: str = ""


class ChatModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The abilities of a model of Claude; the defaults are the newest models'."""

    # Whether it decides how long to think, guided by an effort, or has a budget of tokens.
    thinking: Literal["effort", "budget"] = "effort"
    # Whether one that is guided by an effort takes a budget, too.
    takes_budget: bool = False
    # How little it can be told to think: not at all, between the calls of tools, or at low effort.
    least_thinking: Literal["disabled", "between_tools", "low"] = "disabled"
    # Whether the efforts above `high` are `xhigh` and `max`; before Claude Opus 4.7 `max` was next.
    knows_xhigh: bool = True
    # Whether it can be told that it must call a tool.
    takes_forced_tools: bool = True
    # Whether it takes temperature, top_p and top_k while it does not think.
    takes_sampling: bool = False
