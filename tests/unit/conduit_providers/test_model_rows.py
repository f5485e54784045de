"""Models told by their names, and findings about them kept in bounds."""

import msgspec
import pytest

from conduit_providers.model_rows import MAX_KNOWN_MODELS, ByModel, ModelMatch


@pytest.mark.parametrize(
    ("match", "fits", "others"),
    [
        (ModelMatch(), ["", "gpt-4"], []),
        (ModelMatch(equals="gpt-4"), ["gpt-4"], ["gpt-4o", "GPT-4"]),
        (ModelMatch(equals=("a", "b")), ["a", "b"], ["ab"]),
        (ModelMatch(starts_with=("gpt-", "o")), ["gpt-5", "o3"], ["chatgpt-4o", ""]),
        (ModelMatch(ends_with="-latest"), ["x-latest"], ["x-latest-2"]),
        (ModelMatch(contains=("claude",)), ["us.anthropic.claude-x"], ["Claude"]),
    ],
)
def test_a_match_tells_models_by_their_names(
    match: ModelMatch, fits: list[str], others: list[str]
) -> None:
    """Case counts; without a test every model fits."""
    assert all(map(match.fits, fits))
    assert not any(map(match.fits, others))


@pytest.mark.parametrize("given", ["", [], [""], 7])
def test_a_test_without_a_text_is_refused(given: object) -> None:
    """An empty text is in every name, and nobody means that."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"contains": given}, ModelMatch)


def test_a_finding_is_kept_until_there_are_too_many() -> None:
    """Then all are let go, and found again when they are asked for."""
    asked: list[str] = []

    def find(model: str) -> int:
        asked.append(model)
        return len(model)

    found = ByModel(find)
    assert [found["a"], found["a"], asked] == [1, 1, ["a"]]
    for number in range(MAX_KNOWN_MODELS):
        assert found[f"m-{number}"] == len(f"m-{number}")
    assert len(found) <= MAX_KNOWN_MODELS
    assert found["a"] == 1
    assert asked[-1] == "a"
