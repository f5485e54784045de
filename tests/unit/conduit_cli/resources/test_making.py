"""Commands ask what was typed, follow pages, and show what comes."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from click.testing import CliRunner, Result

from conduit_cli.commands import conduit

Asked = tuple[str, str, dict[str, str], Any]


class Recorder:
    """A gateway that notes what it is asked, and gives the next of its answers."""

    def __init__(self, *answers: tuple[int, Any]) -> None:
        self.answers = [*answers]
        self.asked: list[Asked] = []
        self.url = ""

    def run(self, *words: str, given: str | None = None) -> Result:
        """Run a command against it."""
        told = [*words, "--url", self.url, "--key", "master"]
        return CliRunner().invoke(conduit, told, input=given, env={"COLUMNS": "200"})


@contextmanager
def recording(*answers: tuple[int, Any]) -> Iterator[Recorder]:
    """Serve on a real port."""
    recorder = Recorder(*answers)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the base's name
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            parts = urlsplit(self.path)
            sent = json.loads(body) if body else None
            recorder.asked.append((self.command, parts.path, dict(parse_qsl(parts.query)), sent))
            status, answer = recorder.answers.pop(0)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 # the base's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # the base's name
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        recorder.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield recorder
        finally:
            server.shutdown()
            thread.join()


def test_what_is_typed_is_what_is_sent() -> None:
    """Options by the contract's names and types, JSON for all else; nothing that was not given."""
    with recording((201, {"id": 7, "name": "A"})) as gateway:
        data = '{"security": {"requireMTLS": true}, "name": "B"}'
        words = ["providers", "create", "--name", "A", "--provider-type", "OpenAI", "--weight", "3"]
        found = gateway.run(*words, "--no-is-enabled", "--data", data)
    assert found.exit_code == 0, found.output
    assert gateway.asked == [
        (
            *("POST", "/api/providers", {}),
            {
                "security": {"requireMTLS": True},
                "name": "A",
                "providerType": "OpenAI",
                "weight": 3,
                "isEnabled": False,
            },
        )
    ]
    assert "name: A" in found.output


def test_places_of_a_path_are_given_by_position() -> None:
    """Each is one part of the path, whatever is in it; members can be unset, lists told again."""
    with recording((200, {}), (200, {})) as gateway:
        words = ["keys", "update", "a/b?c", "key_1", "--unset", "base-url", "--no-is-enabled"]
        assert gateway.run(*words).exit_code == 0
        words = ["virtual-keys", "update", "3", "--allowed-models", "a", "--allowed-models", "b"]
        assert gateway.run(*words).exit_code == 0
    assert gateway.asked[0][:2] == ("PATCH", "/api/providers/a%2Fb%3Fc/keys/key_1")
    assert gateway.asked[0][3] == {"isEnabled": False, "baseUrl": None}
    assert gateway.asked[1][3] == {"allowedModels": ["a", "b"]}


def test_lists_are_followed_from_page_to_page() -> None:
    """As far as asked; filters go along, and people see a table, programs a line for each."""
    pages = [
        (200, {"requests": [{"id": "r1"}, {"id": "r2"}], "nextPageToken": "t"}),
        (200, {"requests": [], "nextPageToken": "u"}),
        (200, {"requests": [{"id": "r3"}, {"id": "r4"}], "nextPageToken": "v"}),
    ]
    with recording(*pages) as gateway:
        found = gateway.run("requests", "list", "--status", "failed", "--limit", "3", "--json")
    assert found.exit_code == 0, found.output
    assert [json.loads(line)["id"] for line in found.output.splitlines()] == ["r1", "r2", "r3"]
    assert [query for _, _, query, _ in gateway.asked] == [
        {"status": "Failed", "pageSize": "3"},
        {"status": "Failed", "pageSize": "1", "pageToken": "t"},
        {"status": "Failed", "pageSize": "1", "pageToken": "u"},
    ]
    with recording((200, {"requests": [{"id": "r1", "durationMs": 1.5}]})) as gateway:
        found = gateway.run("requests", "list")
    assert found.output.splitlines() == ["ID  duration ms", "r1  1.5"]


def test_a_list_is_written_for_spreadsheets(tmp_path: Path) -> None:
    """For its owner alone, and no cell of it is a formula."""
    file = tmp_path / "requests.csv"
    page = {"requests": [{"id": "=1+1", "modelAlias": "a,b"}]}
    with recording((200, page)) as gateway:
        found = gateway.run("requests", "list", "--csv", "-o", str(file))
    assert found.exit_code == 0, found.output
    head, row = file.read_text("utf-8").splitlines()
    assert head.startswith("startedAt,id,status")
    assert row.startswith(',\'=1+1,,,"a,b"')
    assert file.stat().st_mode & 0o777 == 0o600


def test_nothing_is_deleted_unasked() -> None:
    """Unless that is said before."""
    with recording((200, {})) as gateway:
        refused = gateway.run("providers", "delete", "3", given="n\n")
        assert (refused.exit_code, gateway.asked) == (1, [])
        assert gateway.run("providers", "delete", "3", "--yes").exit_code == 0
    assert gateway.asked[0][:2] == ("DELETE", "/api/providers/3")


def test_a_secret_can_come_from_standard_input() -> None:
    """Where nobody sees it who lists the processes."""
    with recording((201, {})) as gateway:
        found = gateway.run("keys", "create", "3", "--api-key", "-", given="sk-secret\n")
    assert gateway.asked[0][3] == {"apiKey": "sk-secret"}
    assert "sk-secret" not in found.output


@pytest.mark.parametrize("data", ["[1]", "{", "@/no/such/file"])
def test_data_that_makes_no_sense_is_refused(data: str) -> None:
    """Before anything is sent."""
    with recording() as gateway:
        found = gateway.run("providers", "create", "--data", data)
    assert (found.exit_code, gateway.asked) == (2, [])
    assert "--data" in found.output


def test_errors_are_the_gateways_own_words() -> None:
    """With the code and the hint."""
    error = {"error": "Provider with ID 9 not found", "code": "PROVIDER_NOT_FOUND", "hint": "Look."}
    with recording((404, error)) as gateway:
        found = gateway.run("providers", "get", "9")
    assert found.exit_code == 1
    assert found.output == "Error: Provider with ID 9 not found (PROVIDER_NOT_FOUND)\nLook.\n"


def test_an_alias_is_explained_by_its_name_alone() -> None:
    """What else there is to say has options."""
    with recording((200, {"candidates": []})) as gateway:
        assert gateway.run("explain", "gpt", "--seed", "3").exit_code == 0
    assert gateway.asked[0][3] == {"model": "gpt", "seed": 3}


def test_a_member_named_as_an_option_of_ours_has_another_one() -> None:
    """Such as a webhook's address."""
    with recording((201, {})) as gateway:
        assert gateway.run("webhooks", "create", "--its-url", "https://a.example").exit_code == 0
    assert gateway.asked[0][3] == {"url": "https://a.example"}


def test_an_empty_list_is_said_to_be_empty() -> None:
    """To people, not to programs."""
    with recording((200, {"providers": []}), (200, {"providers": []})) as gateway:
        assert "There is none" in gateway.run("providers", "list").output
        assert gateway.run("providers", "list", "--json").output == ""
