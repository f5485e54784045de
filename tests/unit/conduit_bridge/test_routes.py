"""Which target a path finds."""

import pytest

from conduit.v1.http_routes import ROUTES
from conduit_bridge.routes import RouteTable
from conduit_kernel.errors import InvalidRequest


@pytest.fixture
def table() -> RouteTable[str]:
    """Return a table with every kind of segment."""
    table: RouteTable[str] = RouteTable()
    for verb, template in (
        ("GET", "/"),
        ("GET", "/api/providers"),
        ("POST", "/api/providers"),
        ("GET", "/api/providers/analytics"),
        ("GET", "/api/providers/{id}"),
        ("DELETE", "/api/providers/{id}"),
        ("GET", "/api/providers/{provider_id}/keys/{key_id}"),
        ("GET", "/v1/models"),
        ("GET", "/v1/models/{model=**}"),
    ):
        table.add(verb, template, f"{verb} {template}")
    return table


@pytest.mark.parametrize(
    ("path", "template", "params"),
    [
        ("/", "/", {}),
        ("/api/providers", "/api/providers", {}),
        ("/api/providers/", "/api/providers", {}),
        ("/api/pro%76iders", "/api/providers", {}),
        ("/api/providers/analytics", "/api/providers/analytics", {}),
        ("/api/providers/7", "/api/providers/{id}", {"id": "7"}),
        ("/api/providers/a%2Fb%20c", "/api/providers/{id}", {"id": "a/b c"}),
        (
            "/api/providers/analytics/keys/key_1",
            "/api/providers/{provider_id}/keys/{key_id}",
            {"provider_id": "analytics", "key_id": "key_1"},
        ),
        ("/v1/models", "/v1/models", {}),
        ("/v1/models/", "/v1/models", {}),
        ("/v1/models/gpt-4", "/v1/models/{model=**}", {"model": "gpt-4"}),
        ("/v1/models/a/b/c", "/v1/models/{model=**}", {"model": "a/b/c"}),
    ],
)
def test_literals_win_over_variables_over_the_rest(
    table: RouteTable[str], path: str, template: str, params: dict[str, str]
) -> None:
    """The most exact template serves a path, and one slash too many is forgiven."""
    assert table.find(path, "GET")[:2] == (f"GET {template}", params)


@pytest.mark.parametrize(
    "path",
    ["", "*", "/api", "/api/providers//keys/1", "/api/providers/1/2", "/V1/models", "//v1/models"],
)
def test_other_paths_are_not_found(table: RouteTable[str], path: str) -> None:
    """Neither a target nor any verb."""
    assert table.find(path, "GET") == (None, {}, {})


def test_known_paths_tell_their_verbs(table: RouteTable[str]) -> None:
    """So that 405 can say what would do; GET brings HEAD."""
    target, _, verbs = table.find("/api/providers/7", "PUT")
    assert target is None
    assert set(verbs) == {"GET", "HEAD", "DELETE"}


def test_a_path_that_is_no_text_is_refused(table: RouteTable[str]) -> None:
    """A byte that UTF-8 does not have cannot be a name."""
    with pytest.raises(InvalidRequest):
        table.find("/api/providers/%ff", "GET")


def test_every_route_of_the_contract_is_found_by_its_own_template() -> None:
    """No route hides another one."""
    table: RouteTable[str] = RouteTable()
    for route in ROUTES:
        table.add(route.verb, route.path, route.path)
    for route in ROUTES:
        path = "/" + "/".join("x" if s.is_parameter else s.text for s in route.segments)
        verb = route.segments[-1].verb
        path += f":{verb}" if verb else ""
        assert table.find(path, route.verb)[0] == route.path


def test_a_long_path_is_found_out_quickly(table: RouteTable[str]) -> None:
    """Depth is bounded by the templates, however many segments a caller sends."""
    assert table.find("/api" * 4000, "GET")[0] is None


def test_a_rest_may_have_a_verb() -> None:
    """Behind its last colon; names may have colons and slashes themselves."""
    table: RouteTable[str] = RouteTable()
    for template in ("/m/{model=**}", "/m/{model=**}:go", "/m/{model=**}:stop"):
        table.add("POST", template, template)
    for path, template, model in (
        ("/m/a", "/m/{model=**}", "a"),
        ("/m/a:b", "/m/{model=**}", "a:b"),
        ("/m/a:go", "/m/{model=**}:go", "a"),
        ("/m/a/b:c:stop", "/m/{model=**}:stop", "a/b:c"),
        ("/m/a%2Fb%3Ago", "/m/{model=**}:go", "a/b"),
        ("/m/:go", "/m/{model=**}", ":go"),
    ):
        assert table.find(path, "POST")[:2] == (template, {"model": model})
