"""A gateway in the environment that the image and the compose file make, but for their database."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest
import yaml
from tests.support.gateways import Served

ROOT = Path(__file__).parents[3]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text("utf-8")
COMPOSE = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text("utf-8"))
# What this test has otherwise: no PostgreSQL, and a folder of its own.
OTHERWISE = {"CONDUIT_DATABASE_URL", "CONDUIT_DATA_DIR"}
NEIGHBOURS = {"CONDUIT_ALLOW_PRIVATE_ADDRESSES": "true"}


def surroundings(given: dict[str, str]) -> dict[str, str]:
    """Return the variables of the container, given what its operator sets."""
    image = dict(re.findall(r"(CONDUIT_\w+)=(\S+)", DOCKERFILE))
    composed: dict[str, str] = COMPOSE["services"]["conduit"]["environment"]
    filled = {
        name: re.sub(r"\$\{(\w+):[-?]([^}]*)\}", lambda m: given.get(m[1], m[2]), value)
        for name, value in composed.items()
    }
    return {k: v for k, v in {**image, **filled}.items() if k not in OTHERWISE}


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Start it, as an operator who has neighbours."""
    folder = tmp_path_factory.mktemp("container")
    with Served(folder, **surroundings(NEIGHBOURS)) as gateway:
        yield gateway


def test_keys_that_are_given_as_nothing_are_made(container: Served) -> None:
    """And nobody comes in without one.

    BerriAI/litellm#37054, bricks-cloud/BricksLLM#106, mylxsw/llm-gateway#128: open to everybody.
    """
    assert "Made for you" in container.output
    for headers in ({}, {"x-master-key": ""}, {"authorization": "Bearer x"}):
        assert httpx.get(f"{container.url}/api/providers", headers=headers).status_code == 401
    assert container.admin().call("GET", "/api/providers")["providers"]


def test_the_image_finds_that_it_lives(container: Served) -> None:
    """By its own command, but for the port."""
    found = re.search(r"^HEALTHCHECK .*CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    assert found
    _python, *words = json.loads(found[1])
    port = container.url.rpartition(":")[2]
    for there, status in ((port, 0), ("1", 1)):
        command = [sys.executable, *(word.replace("8080", there) for word in words)]
        done = subprocess.run(command, capture_output=True, timeout=20, check=False)  # noqa: S603 # the image's own
        assert done.returncode == status, done.stderr


class Neighbour(BaseHTTPRequestHandler):
    """A server of models next door."""

    def do_POST(self) -> None:
        """Answer a chat."""
        self.rfile.read(int(self.headers["content-length"]))
        said = {"role": "assistant", "content": "Hello from next door."}
        choice = {"index": 0, "message": said, "finish_reason": "stop"}
        whole = {"id": "1", "object": "chat.completion", "created": 1, "model": "m"}
        body = json.dumps({**whole, "choices": [choice]}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # the library's name
        """Say nothing."""


def test_a_neighbour_is_reached_where_the_operator_allows_it(container: Served) -> None:
    """By an address of a private network, as those of compose are."""
    server = HTTPServer(("127.0.0.1", 0), Neighbour)
    Thread(target=server.serve_forever, daemon=True).start()
    admin = container.admin()
    url = f"http://127.0.0.1:{server.server_port}/v1"
    asked = {"name": "next door", "providerType": "OpenAICompatible", "baseUrl": url}
    made = admin.call("POST", "/api/providers", asked)
    mapped = {"modelAlias": "near", "providerId": made["id"], "actualModelName": "m"}
    admin.call("POST", "/api/model-provider-mappings", mapped)
    body = {"model": "near", "messages": [{"role": "user", "content": "hi"}]}
    answer = container.caller().call("POST", "/v1/chat/completions", body)
    server.shutdown()
    server.server_close()
    assert answer["choices"][0]["message"]["content"] == "Hello from next door."


def test_neighbours_are_refused_otherwise() -> None:
    """As the file stands: the operator says it, by the variable that the page names."""
    assert surroundings({})["CONDUIT_ALLOW_PRIVATE_ADDRESSES"] == "false"
    assert surroundings(NEIGHBOURS)["CONDUIT_ALLOW_PRIVATE_ADDRESSES"] == "true"
