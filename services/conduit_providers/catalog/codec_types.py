"""What a codec takes from its catalog entry: its structs of options, and of facts about models.

A dialect of ours has them in `codecs/<dialect>/options.py`, so that the catalog is read without
importing the codecs; a third party's codec module has them itself, as `Options` and `Model`.
"""

import importlib
import inspect
from collections.abc import Mapping
from importlib.util import find_spec
from pkgutil import iter_modules
from typing import NamedTuple

import msgspec

from conduit_providers import codecs, operations
from conduit_providers.codec import ModelsCodec, StreamingCodec, VoicesCodec
from conduit_providers.importing import imported
from conduit_providers.model_rows import MODEL_FACTS
from conduit_providers.operation import StreamedOperation

MODELS = "models"
VOICES = "voices"
# What is listed: no operations of callers'.
LISTS: Mapping[str, type] = {MODELS: ModelsCodec, VOICES: VoicesCodec}
_ARGUMENTS = ("to_upstream", "from_upstream", "translator")


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The options, or the facts about models, of codecs that have none."""


class CodecTypes(NamedTuple):
    """The structs of one codec."""

    options: type[msgspec.Struct]
    model: type[msgspec.Struct]


def codec_types(operation: str, name: str) -> CodecTypes:
    """Return the structs of a codec.

    ValueError if it is none of the operation, InvalidRequest if it cannot be imported.
    """
    default = MODEL_FACTS.get(operation, Nothing)
    if "." in name:
        module: object = imported(name)
        check_codec(operation, getattr(module, "CODEC", None))
        prefix = ""
    else:
        dialect, _, kind = name.partition("_")
        if kind != operation:
            raise ValueError(f"{name!r} is a codec of the operation {kind!r}")
        place = f"{codecs.__name__}.{dialect}.options"
        module = importlib.import_module(place) if find_spec(place) else None
        prefix = "".join(word.capitalize() for word in operation.split("_"))
    options = getattr(module, f"{prefix}Options", Nothing)
    model = getattr(module, f"{prefix}Model", default)
    if default is not Nothing and not issubclass(model, default):
        raise ValueError(f"what it says of models is no {default.__name__}")
    return CodecTypes(options, model)


def operation_names() -> set[str]:
    """Return what endpoints can be for, without importing any of it."""
    modules = {module.name for module in iter_modules(operations.__path__)}
    return LISTS.keys() | (modules - operations.INBOUND.keys())


def check_codec(name: str, codec: object) -> None:
    """Raise ValueError unless an object can be a codec of the operation of this name."""
    operation = operations.operation(name) if name not in LISTS else None
    kind = operation.codec_type if operation is not None else LISTS[name]
    is_streaming = isinstance(operation, StreamedOperation)
    if (
        not isinstance(codec, kind)
        or any(_arity(codec, m) != _arity(kind, m) - 1 for m in _ARGUMENTS if hasattr(kind, m))
        or (isinstance(codec, StreamingCodec) and not is_streaming)
    ):
        raise ValueError(f"it is no codec of the operation {name!r}")


def _arity(owner: object, method: str) -> int:
    return len(inspect.signature(getattr(owner, method)).parameters)
