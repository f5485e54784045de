"""What a caller asks of Claude's thoughts in Anthropic's own words, and what a model takes of it.

Before Claude 4.6 there is a budget, since Claude 4.7 an effort alone, and in between are both:
https://platform.claude.com/docs/en/build-with-claude/extended-thinking
"""

from typing import Any, Protocol

Json = dict[str, Any]


class ThinkingModel(Protocol):
    """The facts of a model's thoughts, as the catalog has them."""

    @property
    def thinking(self) -> str:
        """The way to ask for them: `effort` or `budget`."""
        ...

    @property
    def least_thinking(self) -> str:
        """The least of them that there can be."""
        ...

    @property
    def takes_budget(self) -> bool:
        """True if a model that is guided by an effort takes a budget, too."""
        ...


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
