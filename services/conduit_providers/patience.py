"""How long providers may take until they say something.

A model that thinks unseen is silent for minutes and well; another one that is silent as long is
not. Rows of the catalog say so by model; for the others their names do.
"""

import re
from typing import Annotated

import msgspec

Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]


class Patience(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """The silences that are usual with a model, in seconds."""

    # Until the first token of a stream.
    first_token: Seconds = 30.0
    # Until the head of a whole answer, which providers send when they are through.
    whole: Seconds = 120.0
    # Between two pieces.
    idle: Seconds = 30.0


USUAL = Patience()
REASONING = Patience(first_token=120.0, whole=600.0, idle=120.0)
# A job waits for a machine first, and is looked at from time to time.
JOBS = Patience(first_token=300.0, whole=600.0, idle=120.0)

# Families whose models think before they answer, by the names that they have everywhere.
_FAMILIES = (
    r"o[1-9](?=$|-)",
    r"gpt-(?:[5-9]|oss)",
    r"claude-(?:3-7|opus|sonnet|haiku|fable|mythos|[4-9])",
    r"gemini-(?:2\.5|[3-9])",
    r"grok-(?:3-mini|[4-9])",
    r"deepseek-(?:r|v[4-9])",
    r"r1(?=$|-)",
    r"qwq",
    r"qwen-?3",
    r"glm-(?:4\.[5-9]|[5-9])",
    r"kimi-k2",
    r"minimax-m",
    r"magistral",
    r"nemotron",
    r"sonar-deep",
)
_THINKS = re.compile(rf"(?:^|[/._:@-])(?:{'|'.join(_FAMILIES)})|thinking|reason", re.IGNORECASE)


def usual_patience(model: str) -> Patience:
    """Return what a model's name says."""
    return REASONING if _THINKS.search(model) else USUAL
