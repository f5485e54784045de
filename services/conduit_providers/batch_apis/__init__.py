"""The batches of providers' own: one pure module for each way in which providers take them.

A catalog entry names the module in its table `batches`; its `API` says how a batch of requests,
which the dialects' codecs have made, is begun there, looked at, read and taken back.
"""

from importlib.util import find_spec

from conduit_providers.batch_apis.api import BatchApi
from conduit_providers.importing import member_of


def batch_api_named(name: str) -> BatchApi:
    """Return the API of this name. InvalidRequest, with the cause, if it cannot be imported."""
    found: BatchApi = member_of(_module(name), "API")
    return found


def has_batch_api(name: str) -> bool:
    """Return whether there is a module of this name."""
    return name.isidentifier() and name != "api" and find_spec(_module(name)) is not None


def _module(name: str) -> str:
    return f"{__name__}.{name}"
