"""Imports codecs and auth strategies, ours and third parties', whose modules may raise anything."""

import importlib
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from conduit_kernel.errors import ConduitError, InvalidRequest, ServiceUnavailable
from conduit_kernel.http.descriptors import is_exhausted


def exists(name: str) -> bool:
    """Return whether there is a module of this name, which is not imported itself.

    InvalidRequest, with the cause, if a package that it is in cannot be imported;
    ServiceUnavailable, here and below, where it cannot be read now.
    """
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False
    except Exception as error:
        raise _unimportable(name, error) from error


def imported(name: str) -> ModuleType:
    """Return a module by its dotted path. InvalidRequest, with the cause, if it is no good."""
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise _unimportable(name, error) from error


def member_of(name: str, member: str) -> Any:  # noqa: ANN401 # each has its own type
    """Return what a module calls so. InvalidRequest, with the cause, if there is no such thing."""
    module = imported(name)
    try:
        return getattr(module, member)
    except AttributeError as error:
        raise InvalidRequest(f"the module {name!r} has no {member!r}") from error


def _unimportable(name: str, error: Exception) -> ConduitError:
    if is_exhausted(error):
        return ServiceUnavailable(f"Conduit has no means left to load the module {name!r}")
    cause = f"{type(error).__name__}: {error}"
    return InvalidRequest(f"the module {name!r} cannot be imported ({cause})")
