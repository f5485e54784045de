"""The terms on which providers take chats that were translated from another dialect."""

from typing import NamedTuple

from conduit_providers.spec import Endpoint

_OPENAI = "openai_"
_EFFORT = "reasoning_effort"
_MARK = "cache_control"


class ChatTerms(NamedTuple):
    """The terms on which a provider takes chats."""

    # Whether members that OpenAI does not know are refused rather than told.
    is_openai: bool
    # Whether parts may be marked as the ends of prefixes to cache.
    takes_marks: bool
    # Whether the model can be told how hard to think.
    takes_effort: bool
    # How many texts may end an answer; 0 for any number.
    most_stops: int = 0


# For what is the same on any terms.
ANY_TERMS = ChatTerms(is_openai=False, takes_marks=True, takes_effort=True)


def terms_of(endpoint: Endpoint, model: str) -> ChatTerms:
    """Return the terms on which a model takes chats."""
    if not endpoint.codec.startswith(_OPENAI):
        return ANY_TERMS
    # Of OpenAI's own models those that reason take the newer name of the limit alone.
    reasons = any("max_tokens" in rule.rename for rule in endpoint.rules_of(model))
    is_known = any(each.parameter == _EFFORT for each in endpoint.value_maps_of(model))
    return ChatTerms(
        is_openai=True,
        takes_marks=_MARK not in endpoint.drop_in_messages,
        takes_effort=reasons or is_known,
        most_stops=endpoint.options.most_stops,
    )
