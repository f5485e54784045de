"""Wire dialects: a package each, with one pure module for each operation.

A catalog entry names dialect and operation (`openai_chat` is `openai/chat.py` here), or a module of
a third party by its dotted path (`acme_conduit.chat`). The module's `CODEC` translates that
operation. Modules are imported when an entry first needs them, so a dialect that nobody uses costs
nothing at the start. What several dialects share is in `shared`.
"""

from typing import Any

from conduit_providers.importing import exists, member_of


def codec_named(name: str) -> Any:  # noqa: ANN401 # each operation says which type it is
    """Return the codec of this name. InvalidRequest, with the cause, if it cannot be imported."""
    return member_of(_module(name), "CODEC")


def has_codec(name: str) -> bool:
    """Return whether there is a module of this name, see `exists`."""
    return exists(_module(name))


def _module(name: str) -> str:
    if "." in name:
        return name
    dialect, _, operation = name.partition("_")
    return f"{__name__}.{dialect}.{operation}"
