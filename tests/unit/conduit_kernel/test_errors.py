"""Every way a Conduit call can fail, held to the contract and to what callers do with it."""

from collections.abc import Iterator

import grpc
import pytest

from conduit.v1.failures import FAILURES
from conduit_kernel import auth_errors, errors, not_found_errors
from conduit_kernel.errors import (
    ConduitError,
    Scope,
    StreamInterrupted,
    UpstreamError,
    UpstreamRefused,
)


def tree(root: type[ConduitError] = ConduitError) -> Iterator[type[ConduitError]]:
    """Yield all classes of errors."""
    yield root
    for child in root.__subclasses__():
        yield from tree(child)


MODULES = {module.__name__: module for module in (errors, auth_errors, not_found_errors)}
ALL = {error.__name__: error for error in tree() if error.__module__ in MODULES}
every_error = pytest.mark.parametrize("error", ALL.values(), ids=ALL)


@every_error
def test_every_error_has_a_reason_of_the_contract(error: type[ConduitError]) -> None:
    """Which says its gRPC code and HTTP status, for ever the same."""
    failure = error("what happened").failure
    assert failure is FAILURES[error.reason]
    assert failure.http_status >= 400
    assert failure.code != 0


@every_error
def test_every_error_that_is_none_of_a_provider_is_drawn(error: type[ConduitError]) -> None:
    """In the tree at the module's head, by which whoever raises one finds it."""
    drawn = (MODULES[error.__module__].__doc__ or "").replace(",", " ").split()
    assert error.__name__ in drawn or issubclass(error, UpstreamError)


def test_a_reason_is_one_class() -> None:
    """So an error that came over the wire has the class that was raised."""
    classes: dict[str, list[str]] = {}
    for name, error in ALL.items():
        if "reason" in vars(error):
            classes.setdefault(error.reason, []).append(name)
    assert [names for names in classes.values() if len(names) > 1] == []


@every_error
def test_what_nobody_could_serve_better_is_not_tried_again(error: type[ConduitError]) -> None:
    """A fault of the request is no provider's: neither its breaker nor its keys suffer from it."""
    if issubclass(error, UpstreamError) and error.scope is Scope.REQUEST:
        assert not error.is_transient
    if issubclass(error, UpstreamRefused):
        assert error.scope is Scope.REQUEST


def test_what_was_charged_in_part_is_not_sent_again_by_policies() -> None:
    """Those of gRPC's clients are for UNAVAILABLE, which is of what nothing came of."""
    codes = [error("cut").failure.code for error in (StreamInterrupted, UpstreamError)]
    assert codes == [grpc.StatusCode.ABORTED.value[0], grpc.StatusCode.UNAVAILABLE.value[0]]
