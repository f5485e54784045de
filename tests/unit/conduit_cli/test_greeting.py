"""What `conduit serve` says once it is ready: secrets only those that were made now."""

from pathlib import Path
from typing import Any

from conduit_cli.greeting import greeting
from conduit_cli.keys import ENCRYPTION, MASTER
from conduit_cli.layout import Layout


def said(**changes: Any) -> str:  # noqa: ANN401 # of each argument its own
    """Return the text of a later start, with changes."""
    given: dict[str, Any] = {
        "version": "0.1.0",
        "seconds": 1.26,
        "made_keys": {},
        "new_virtual_key": "",
        "key_file": Path("/data/keys.toml"),
        "has_virtual_key": True,
        "command": "conduit",
        "shows_keys": True,
    }
    layout = changes.pop("layout", made(Path("/data")))
    return greeting(layout, **{**given, **changes})


def made(data_dir: Path, host: str = "127.0.0.1") -> Layout:
    """Return a layout with its data in a folder."""
    return Layout(data_dir, host, 8080, 50051, 1, data_dir / "run", grpc_host=host)


def test_a_first_start_shows_what_was_made_and_how_to_try_it() -> None:
    """The keys, where they are kept, and a call that works as it stands."""
    text = said(
        made_keys={MASTER: "mk-1", ENCRYPTION: "ek-1"},
        new_virtual_key="condt_1",
        command="./conduit",
    )
    assert text.startswith("Conduit 0.1.0 is ready at http://127.0.0.1:8080 (1.3 s)\n")
    for part in ("mk-1", "ek-1", "/data/keys.toml", "Bearer condt_1", "./conduit chat"):
        assert part in text


def test_what_may_become_a_log_gets_no_key() -> None:
    """It is told what was made, for what, and where it is kept; a call takes its key from there."""
    keys = {MASTER: "mk-1", ENCRYPTION: "ek-1"}
    text = said(
        made_keys=keys,
        new_virtual_key="condt_1",
        key_file=Path("/my data/keys.toml"),
        shows_keys=False,
    )
    for secret in (*keys.values(), "condt_1"):
        assert secret not in text
    for part in ("master key ", "encryption key ", "/my data/keys.toml", "--show-keys", "X-Master"):
        assert part in text
    assert "p' '/my data/keys.toml')\n" in text
    assert 'Authorization: Bearer $CONDUIT_API_KEY"' in text


def test_the_command_asks_this_gateway() -> None:
    """Not the one whose data are where one happens to be."""
    assert 'conduit chat --data-dir /data "hello"' in said()
    assert 'conduit chat "hello"' in said(layout=made(Path(".conduit")))
    assert "chat --data-dir '/my data' " in said(layout=made(Path("/my data")))


def test_a_later_start_shows_no_key() -> None:
    """It says how to read the one that is kept."""
    text = said()
    assert "Made for you" not in text
    assert 'Authorization: Bearer $CONDUIT_API_KEY"' in text
    assert "/data/keys.toml" in text


def test_who_listens_to_others_is_told_that_they_can_listen_in() -> None:
    """Not on addresses that this machine alone reaches."""
    folder = Path("/data")
    for host in ("0.0.0.0", "192.0.2.1", "gateway.example"):  # noqa: S104 # not bound
        assert "travel in clear" in said(layout=made(folder, host))
    for host in ("127.0.0.1", "::1", "localhost"):
        assert "travel in clear" not in said(layout=made(folder, host))


def test_a_gateway_without_a_virtual_key_has_nothing_to_try() -> None:
    """Only where it listens."""
    text = said(has_virtual_key=False)
    assert "Try it" not in text
    assert "gRPC: registry 127.0.0.1:50051, router 127.0.0.1:50052" in text
    assert text.endswith("Ctrl-C stops it.")
