"""Prices are fetched from where they are published."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.unit.conduit_billing.pricing.test_catalog_file import file_of, published

from conduit_billing.pricing.catalog_file import FILE_NAME, install
from conduit_cli import price_fetching
from conduit_cli.commands import conduit
from conduit_cli.price_fetching import FetchFailed, as_file

DATA = json.dumps(published(2)).encode()


@pytest.fixture
def url() -> Iterator[str]:
    """Run a server of prices that also leads elsewhere, breaks off and refuses."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the base's name
            path = self.path
            self.send_response(302 if "go" in path else 404 if path == "/none" else 200)
            if "go" in path:
                self.send_header(
                    "location",
                    {"/go": "/data.json", "/go-out": "http://192.0.2.1/"}.get(path, path),
                )
            self.send_header("content-length", str(len(DATA) + (path == "/broken")))
            self.end_headers()
            self.wfile.write(DATA)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # the base's name
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("path", ["/data.json", "/go", "/data.json?x=1"])
def test_what_is_at_an_address_is_a_file_for_a_while(url: str, path: str) -> None:
    """Also where that leads elsewhere."""
    with as_file(f"{url}{path}") as file:
        assert file.read_bytes() == DATA
    assert not file.exists()


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("/none", "answered with status 404"),
        ("/broken", "broke off|IncompleteRead"),
        ("/go-round", "answered with status 302"),
        ("/go-out", "is not https"),
    ],
)
def test_what_cannot_be_had_is_told(url: str, path: str, problem: str) -> None:
    """Nor is anything fetched in clear from the network."""
    with pytest.raises(FetchFailed, match=problem), as_file(f"{url}{path}"):
        pass


def test_too_much_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the disk is full."""
    monkeypatch.setattr(price_fetching, "MAX_BYTES", 10)
    with pytest.raises(FetchFailed, match="more than 10 bytes"), as_file(f"{url}/data.json"):
        pass


@pytest.mark.parametrize(
    "source", ["http://192.0.2.1/x", "ftp://a/b", "https://", "https://a:x/", "https://[a"]
)
def test_other_addresses_are_refused(source: str) -> None:
    """Whoever stands between could make anything cost nothing."""
    with pytest.raises(FetchFailed), as_file(source):
        pass


def test_a_timer_learns_of_new_prices_and_somebody_takes_them_over(
    url: str, tmp_path: Path
) -> None:
    """The exit code tells; nothing is changed until then."""
    folder = tmp_path / "data"
    folder.mkdir()
    install(file_of(tmp_path, published(), "old.json"), folder)

    def run(*words: str) -> tuple[int, str]:
        found = CliRunner().invoke(conduit, ["prices", *words, "--data-dir", str(folder)])
        return found.exit_code, found.output

    before = (folder / FILE_NAME).read_bytes()
    code, output = run("diff", f"{url}/data.json", "--exit-code")
    assert (code, "2.5 -> 2" in output) == (2, True)
    assert (folder / FILE_NAME).read_bytes() == before
    assert run("diff", f"{url}/data.json")[0] == 0
    assert run("update", f"{url}/data.json", "--yes")[0] == 0
    assert run("diff", f"{url}/data.json", "--exit-code") == (0, "Nothing differs.\n")
    code, output = run("diff", f"{url}/none")
    assert (code, "answered with status 404" in output) == (1, True)
    assert run("diff", str(tmp_path / "absent.json"))[0] == 1
