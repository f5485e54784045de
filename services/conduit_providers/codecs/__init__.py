"""Wire dialects: a package each, with one pure module for each operation.

A catalog entry names dialect and operation (`openai_chat` is `openai/chat.py` here), or a module of
a third party by its dotted path (`acme_conduit.chat`). The module's `CODEC` translates that
operation. Modules are imported when an entry first needs them, so a dialect that nobody uses costs
nothing at the start. What is not in a package here is shared by dialects.
"""

import importlib
from importlib.util import find_spec
from typing import cast

from conduit_providers.codec import ChatCodec, EmbedCodec, ModelsCodec


def chat_codec(name: str) -> ChatCodec:
    """Return the chat codec of this name."""
    return cast("ChatCodec", _codec(name))


def embed_codec(name: str) -> EmbedCodec:
    """Return the embeddings codec of this name."""
    return cast("EmbedCodec", _codec(name))


def models_codec(name: str) -> ModelsCodec:
    """Return the model list codec of this name."""
    return cast("ModelsCodec", _codec(name))


def has_codec(name: str) -> bool:
    """Whether there is a module of this name, without importing it."""
    try:
        return find_spec(_module(name)) is not None
    except ModuleNotFoundError:
        return False


def _module(name: str) -> str:
    if "." in name:
        return name
    dialect, _, operation = name.rpartition("_")
    return f"{__name__}.{dialect}.{operation}"


def _codec(name: str) -> object:
    return importlib.import_module(_module(name)).CODEC
