"""What is wrong with a configuration document."""

import pytest

from conduit.v1.json_runtime import JsonError
from conduit_kernel.errors import AlreadyExists, InvalidRequest
from conduit_registry.configuration.problems import MAX_PROBLEMS, Problem, Problems, at


def test_an_error_is_placed_and_others_pass() -> None:
    """One without a field is of the whole thing."""
    with pytest.raises(InvalidRequest) as caught, at("providers[3]"):
        raise InvalidRequest("is wrong")
    assert (caught.value.message, caught.value.metadata["field"]) == (
        "providers[3]: is wrong",
        "providers[3]",
    )
    with (
        pytest.raises(InvalidRequest, match=r"^providers\[3\] must be an object$"),
        at("providers[3]"),
    ):
        raise JsonError("", "must be an object")
    with pytest.raises(LookupError, match=r"^elsewhere$"), at("providers[3]"):
        raise LookupError("elsewhere")


def test_an_error_that_has_its_place_keeps_it() -> None:
    """Places within places are said once."""
    with pytest.raises(InvalidRequest) as caught, at("providers[3]"), at("providers[3].keys[0]"):
        raise InvalidRequest("apiKey is missing", field="apiKey")
    assert caught.value.metadata["field"] == "providers[3].keys[0].apiKey"
    assert caught.value.message == "providers[3].keys[0]: apiKey is missing"


def test_the_first_problem_is_raised_unless_they_are_collected() -> None:
    """Whatever is nobody's mistake is raised in both cases."""
    with pytest.raises(AlreadyExists), Problems(collects=False).at("virtualKeys[0]"):
        raise AlreadyExists("There is one", field="name")
    problems = Problems(collects=True)
    for _ in range(MAX_PROBLEMS + 1):
        with problems.at("virtualKeys[0]"):
            raise AlreadyExists("There is one", field="name")
    assert problems.found == [Problem("virtualKeys[0].name", "There is one")] * MAX_PROBLEMS
    with pytest.raises(LookupError), problems.at("virtualKeys[0]"):
        raise LookupError
