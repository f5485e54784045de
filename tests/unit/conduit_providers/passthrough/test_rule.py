"""Which paths a rule is."""

import pytest

from conduit_kernel.errors import UnsupportedParameter
from conduit_providers.catalog import load_catalog
from conduit_providers.passthrough.request import read_request
from conduit_providers.passthrough.rule import PassthroughRule

IN_PATH = PassthroughRule(path="/v1/models/{model}:go", usage="gemini")
REWRITTEN = PassthroughRule(
    path="/v1/p/{project}/{model}:go", usage="gemini", sends="/v1/p/{project}/models/{model}:go"
)
PLAIN = PassthroughRule(path="/v1/a.b", usage="openai")


@pytest.mark.parametrize("model", ["a", "gemini-9.1_pro", "text@001", "a..b", "9"])
def test_models_stand_in_their_place(model: str) -> None:
    """As providers name them."""
    found = IN_PATH.pattern.fullmatch(f"/v1/models/{model}:go")
    assert found is not None
    assert found["model"] == model


@pytest.mark.parametrize("model", ["", ".", "..", "...", "a/b", "a%2Fb", "a:b", "a?b", "a b", "ä"])
def test_nothing_else_is_a_model(model: str) -> None:
    """What would be another path, or a query, is none."""
    assert IN_PATH.pattern.fullmatch(f"/v1/models/{model}:go") is None


@pytest.mark.parametrize(
    ("written", "model"), [("a.b-1", "a.b-1"), ("a%3A0", "a:0"), ("a:0", "a:0"), ("a%2Fb", "a/b")]
)
def test_what_is_written_anew_names_models_with_any_signs(written: str, model: str) -> None:
    """As ARNs have them; the path's settings are read as well."""
    places = REWRITTEN.places_in(f"/v1/p/acme-1/{written}:go")
    assert places == {"project": "acme-1", "model": model}


@pytest.mark.parametrize(
    "path", ["/v1/p/a/b/c:go", "/v1/p/a%2Fb/c:go", "/v1/p//c:go", "/v1/p/a/:go"]
)
def test_what_is_written_anew_is_no_other_path(path: str) -> None:
    """Settings have no signs of paths, and nothing has none."""
    assert REWRITTEN.places_in(path) == {}


@pytest.mark.parametrize("path", ["/v1/axb", "/v1/a.b/", "/v1/a.b\n", "v1/a.b", "/x/v1/a.b"])
def test_a_path_is_itself_alone(path: str) -> None:
    """Its signs mean nothing but themselves."""
    assert PLAIN.pattern.fullmatch("/v1/a.b") is not None
    assert PLAIN.pattern.fullmatch(path) is None


def test_types_name_each_path_once() -> None:
    """Two rules for a path would leave it to their order which counts."""
    specs = [each for each in load_catalog().specs if each.passthrough]
    assert specs
    for spec in specs:
        paths = [rule.path for rule in spec.passthrough]
        assert len(paths) == len(set(paths)), spec.name


@pytest.mark.parametrize(
    ("kind", "member"),
    [("OpenRouter", "models"), ("OpenRouter", "preset"), ("OpenAICompatible", "fallbacks")],
)
def test_no_request_names_other_models_than_its_own(kind: str, member: str) -> None:
    """Providers that are gateways themselves would go on to them: nobody decided who may."""
    [spec] = [each for each in load_catalog().specs if each.name == kind]
    rules = [rule for rule in spec.passthrough if rule.operation == "chat"]
    assert rules
    for rule in rules:
        with pytest.raises(UnsupportedParameter):
            read_request(rule, rule.path, (), (), b'{"model": "m", "%b": ["n"]}' % member.encode())
