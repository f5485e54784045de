"""The names, against those of the conventions' own package."""

import pkgutil
from importlib import import_module

import pytest
from opentelemetry.semconv import attributes as stable
from opentelemetry.semconv._incubating import attributes as incubating
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as gen_ai

from conduit_kernel.telemetry import names

# Of the conventions of generative AI, 0.1.0, which that package does not have yet.
NEWER = {
    "gen_ai.usage.cache_write.input_tokens",
    "gen_ai.token.modality",
}


def known() -> set[str]:
    """Return every attribute that the conventions' package has."""
    found = set[str]()
    for package in (stable, incubating):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            values = vars(import_module(module.name)).values()
            found |= {value for value in values if isinstance(value, str)}
    return found


def test_attributes_are_the_conventions_own_or_ours() -> None:
    """A misspelt one would be on no dashboard."""
    ours = {
        value
        for name, value in vars(names).items()
        if name.isupper() and isinstance(value, str) and ".client." not in value
    }
    ours |= {names.CLIENT_ADDRESS}
    strangers = {name for name in ours if not name.startswith("conduit.")} - known()
    assert strangers == NEWER
    assert len(ours) > 25


def test_providers_and_operations_are_well_known() -> None:
    """By the values that the conventions list."""
    assert set(names.PROVIDERS.values()) <= {each.value for each in gen_ai.GenAiProviderNameValues}
    operations = {*names.INFERENCES.values(), *names.OTHERS.values()}
    assert operations <= {each.value for each in gen_ai.GenAiOperationNameValues}


@pytest.mark.parametrize(
    ("said", "is_dup"),
    [("", False), ("http", False), ("gen_ai/dup", True), ("http, gen_ai/dup", True)],
)
def test_old_names_are_told_where_they_are_asked_for(said: str, *, is_dup: bool) -> None:
    """In the list that all instrumentation reads."""
    assert names.tells_old_names({"OTEL_SEMCONV_STABILITY_OPT_IN": said}) is is_dup
