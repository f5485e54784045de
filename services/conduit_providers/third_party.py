"""Modules of third parties, which may raise anything while they are imported."""

import importlib
from types import ModuleType


def imported(name: str) -> ModuleType:
    """Return a module by its dotted path. ValueError if it cannot be imported."""
    try:
        return importlib.import_module(name)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise ValueError(f"the module {name!r} cannot be imported ({reason})") from error
