"""What a first start makes, at a gateway that has some of it, and at one that fails."""

from typing import Any

import pytest
from tests.support.gateway_answers import answering

from conduit_cli.first_steps import (
    ALIAS,
    PROVIDER_NAME,
    VISIBLE_SECONDS,
    set_up,
    wait_until_visible,
)
from conduit_cli.gateway import Gateway, GatewayError, Json


class Recording(Gateway):
    """A gateway that has these lists, and keeps what is made."""

    def __init__(self, lists: dict[str, list[Json]]) -> None:
        super().__init__("http://127.0.0.1:1", {}, 1.0)
        self._lists = lists
        self.made: list[str] = []

    def call(self, method: str, path: str, body: Json | None = None) -> Json:
        """Answer as the admin API does."""
        if method == "GET":
            member = {"providers": "providers", "keys": "keys"}.get(path.rpartition("/")[2])
            return {member or "mappings": self._lists.get(path, [])}
        self.made.append(path)
        return {"id": 7, "key": "condt_x"}


def test_an_empty_gateway_gets_all() -> None:
    """In the order in which they need each other."""
    gateway = Recording({})
    assert set_up(gateway) == "condt_x"
    assert gateway.made == [
        "/api/providers",
        "/api/providers/7/keys",
        "/api/model-provider-mappings",
        "/api/virtual-keys",
    ]


def test_what_an_interrupted_start_has_made_stays() -> None:
    """Only a virtual key is always made anew: its value is shown once."""
    there: dict[str, list[dict[str, Any]]] = {
        "/api/providers": [{"id": 1, "name": "x"}, {"id": 3, "name": PROVIDER_NAME}],
        "/api/providers/3/keys": [{"id": "key_1"}],
        "/api/model-provider-mappings": [{"modelAlias": ALIAS}],
    }
    gateway = Recording(there)
    set_up(gateway)
    assert gateway.made == ["/api/virtual-keys"]


def test_a_gateway_that_refuses_is_an_error_of_its_own() -> None:
    """The start goes on without; the next one tries again."""
    answer = b'{"error": "later", "code": "SERVICE_UNAVAILABLE"}'
    with answering(503, answer) as gateway, pytest.raises(GatewayError, match="later"):
        set_up(gateway)


@pytest.mark.parametrize(
    ("status", "body", "is_visible"),
    [
        (200, b'{"data": [{"id": "other"}, {"id": "%b"}]}' % ALIAS.encode(), True),
        (200, b'{"data": [{"id": "other"}]}', False),
        (200, b"{}", False),
        (401, b"{}", False),
    ],
)
def test_a_caller_sees_the_alias_or_time_passes(
    status: int, body: bytes, *, is_visible: bool
) -> None:
    """Whatever the gateway answers meanwhile."""
    times = iter([0.0, 0.0, VISIBLE_SECONDS, VISIBLE_SECONDS])
    with answering(status, body) as gateway:
        assert wait_until_visible(gateway, lambda: next(times)) is is_visible
