"""A prediction from its beginning to its end.

https://replicate.com/docs/topics/predictions/create-a-prediction, and for the deadline
https://replicate.com/changelog/2025-10-16-prediction-deadlines.

The model of a call is `owner/name` for official models, `owner/name:version` or a bare version for
all others.
"""

from collections.abc import Mapping
from math import ceil
from typing import Any

import orjson

from conduit_kernel.errors import UpstreamError
from conduit_providers.calls import Call
from conduit_providers.codecs.replicate.options import PredictionOptions
from conduit_providers.codecs.replicate.prediction import (
    ENDED,
    Prediction,
    read_prediction,
    step_to,
)
from conduit_providers.jobs import Job, JobRequest
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import JSON_HEADERS, Headers, HttpRequest

# Between two looks at a prediction; the last one counts for all that follow.
PAUSES = (0.25, 0.5, 1.0)
# A prediction that cannot be looked at may be well: it is asked for again.
MAX_MISSES = 3
_VERSION_CHARS = 64


def request_for(
    call: Call[Any], endpoint: Endpoint, target: Target, given: Mapping[str, object], *, waits: bool
) -> HttpRequest:
    """Return the request that begins a prediction with an input.

    `waits` says whether its answer may wait a little for the output.
    """
    body: dict[str, object] = {"input": given}
    name, _, version = call.model.partition(":")
    if not version and "/" not in name and len(name) == _VERSION_CHARS:
        version = name
    if version:
        body["version"] = version
        path = target.fill(endpoint.options.version_path)
    else:
        owner, _, short = name.partition("/")
        path = target.fill(endpoint.path, owner=owner, name=short or "-")
    return HttpRequest("POST", path, _headers(call, endpoint, waits=waits), orjson.dumps(body))


def ended(
    call: Call[Any], endpoint: Endpoint, target: Target, request: HttpRequest
) -> Job[Prediction]:
    """Begin a prediction and look at it until it has succeeded. UpstreamError if it does not."""
    response = yield JobRequest(request)
    found = read_prediction(response.body, call.provider)
    cancel = step_to("POST", found.urls.cancel, (), target, endpoint)
    look = step_to("GET", found.urls.get, (), target, endpoint)._replace(cancel=cancel)
    looks = misses = 0
    while found.status not in ENDED:
        pause = PAUSES[min(looks, len(PAUSES) - 1)]
        looks += 1
        try:
            response = yield look._replace(after_seconds=pause)
        except UpstreamError as error:
            misses += 1
            if misses > MAX_MISSES or not error.is_transient:
                raise
            continue
        misses = 0
        found = read_prediction(response.body, call.provider)
    return found


def _headers(call: Call[Any], endpoint: Endpoint, *, waits: bool) -> Headers:
    options: PredictionOptions = endpoint.options
    headers = [*JSON_HEADERS, *endpoint.headers.items()]
    if waits:
        headers.append(("prefer", f"wait={options.wait_seconds}"))
    deadline = f"{ceil(call.seconds)}s" if call.seconds else options.cancel_after
    headers.append(("cancel-after", deadline))
    return tuple(headers)
