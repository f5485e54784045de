"""A change holds from its answer on, in every worker of the machine."""

from pathlib import Path
from typing import Any

import pytest
from tests.support.gateways import Served

from conduit_cli.gateway import Gateway, GatewayError

ROUNDS = 8
Json = dict[str, Any]


def say(served: Served, model: str, key: str = "") -> str:
    """Return what a model answers, or the code of the error, over a connection of its own."""
    headers = {"authorization": f"Bearer {key}"}
    caller = Gateway(served.url, headers, 10) if key else served.caller()
    body = {"model": model, "messages": [{"role": "user", "content": "hello"}]}
    try:
        answer: Json = caller.call("POST", "/v1/chat/completions", body)
    except GatewayError as error:
        return error.code
    return str(answer["choices"][0]["message"]["content"])


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_first_call_after_a_change_meets_it(tmp_path: Path, workers: str) -> None:
    """A script that goes on at once finds its model, its key, and what it took away gone."""
    with Served(tmp_path, "--workers", workers) as served:
        change = served.admin().call
        for number in range(ROUNDS):
            alias = f"model-{number}"
            provider: Json = {"name": alias, "providerType": "Simulator"}
            instance = change("POST", "/api/providers", provider)["id"]
            change("POST", f"/api/providers/{instance}/keys", {"apiKey": "sk-any"})
            mapping = {"modelAlias": alias, "providerId": instance, "actualModelName": "echo"}
            mapped = change("POST", "/api/model-provider-mappings", mapping)["id"]
            assert say(served, alias) == "hello"
            made = change("POST", "/api/virtual-keys", {"name": alias})
            assert say(served, alias, made["key"]) == "hello"
            assert change("GET", f"/api/providers/{instance}/health")["providerId"] == instance
            change("DELETE", f"/api/virtual-keys/{made['id']}")
            assert say(served, alias, made["key"]) == "invalid_api_key"
            change("DELETE", f"/api/model-provider-mappings/{mapped}")
            assert say(served, alias) == "model_not_found"
