"""What a caller asks of Claude's thoughts in Anthropic's own words, and what a model takes of it.

Before Claude 4.6 there is a budget, since Claude 4.7 an effort alone, and in between are both:
https://platform.claude.com/docs/en/build-with-claude/extended-thinking
"""

from typing import Any, Protocol

Json = dict[str, Any]


class ThinkingModel(Protocol):
    """What the catalog says of a model's thoughts."""

    @property
    def thinking(self) -> str:
        """How they are asked for: by `effort` or `budget`."""

    @property
    def least_thinking(self) -> str:
        """How little of them there can be."""

    @property
    def takes_budget(self) -> bool:
        """Whether a model that is guided by an effort takes a budget, too."""


def is_for(asked: object, model: ThinkingModel) -> bool:
    """Return whether a model takes a caller's `thinking` as it is; nonsense is its to judge."""
    match asked.get("type") if isinstance(asked, dict) else None:
        case "enabled":
            return model.thinking == "budget" or model.takes_budget
        case "adaptive":
            return model.thinking != "budget"
        case "disabled":
            return model.least_thinking == "disabled"
        case _:
            return True


def adaptive(asked: Json) -> Json:
    """Return thoughts without the budget that a caller gives them."""
    return {**{name: asked[name] for name in asked if name != "budget_tokens"}, "type": "adaptive"}
