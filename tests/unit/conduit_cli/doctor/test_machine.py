"""Each mistake on a machine is made here, and found."""

import os
import socket
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from conduit_cli.certificates import Authority
from conduit_cli.doctor.finding import ERROR, NOTE, WARNING
from conduit_cli.doctor.machine import Machine, look

MASTER = "m" * 32
ENCRYPTION = f"{'A' * 43}="
GiB = 1024**3


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a data directory as a first start leaves it."""
    keys = tmp_path / "keys.toml"
    keys.write_text(f'master_key = "{MASTER}"\nencryption_key = "{ENCRYPTION}"\n')
    keys.chmod(0o600)
    return tmp_path


def kinds(folder: Path, env: dict[str, str] | None = None, **others: object) -> dict[str, str]:
    """Return what is found, and how bad it is; ports are the system's choice."""
    given = {"CONDUIT_HTTP_PORT": "0", "CONDUIT_GRPC_PORT": "0", **(env or {})}
    usual = {"descriptors": 65536, "disk": (100 * GiB, 50 * GiB)}
    found = look(Machine(folder, given, **{**usual, **others}))  # type: ignore[arg-type] # by name
    return {each.kind: each.level for each in found}


def database(folder: Path, service: str = "registry", version: str = "v0001") -> Path:
    """Make a service's database."""
    path = folder / f"{service}.db"
    with sqlite3.connect(path) as made:
        made.execute(f"CREATE TABLE alembic_version_{service} (version_num TEXT)")
        made.execute(f"INSERT INTO alembic_version_{service} VALUES (?)", (version,))  # noqa: S608 # ours
        made.execute("CREATE TABLE t (x TEXT)")
        made.executemany("INSERT INTO t VALUES (?)", [("x" * 500,) for _ in range(200)])
    made.close()
    return path


def test_a_sound_machine_has_nothing(folder: Path) -> None:
    """So that whatever is told is worth reading."""
    assert kinds(folder) == {}


def test_a_misspelt_setting_is_found(folder: Path) -> None:
    """Nobody reads it, and nothing else says so to who set it."""
    assert kinds(folder, {"CONDUIT_MASTR_KEY": "x"}) == {"unknown-setting": WARNING}


@pytest.mark.parametrize(
    "env", [{"CONDUIT_DRAIN_SECONDS": "soon"}, {"CONDUIT_MASTER_KEY": "short"}]
)
def test_a_setting_that_makes_no_sense_is_found(folder: Path, env: dict[str, str]) -> None:
    """A start would be refused for it."""
    assert kinds(folder, env) == {"wrong-setting": ERROR}


def test_plain_text_on_a_public_address_is_found(folder: Path) -> None:
    """Keys would travel in clear."""
    assert kinds(folder, {"CONDUIT_HOST": "0.0.0.0"}) == {"plaintext": WARNING}  # noqa: S104 # not bound


def test_data_without_its_keys_is_found(folder: Path) -> None:
    """The master key, and the key that all else is sealed with; the environment may have them."""
    database(folder, version="v0001")
    (folder / "keys.toml").unlink()
    found = kinds(folder)
    assert found["master-key-missing"] == found["encryption-key-missing"] == ERROR
    given = {"CONDUIT_MASTER_KEY": MASTER, "CONDUIT_ENCRYPTION_KEY": ENCRYPTION}
    assert "encryption-key-missing" not in kinds(folder, given)


def test_damaged_keys_are_found(folder: Path) -> None:
    """With where they are damaged."""
    (folder / "keys.toml").write_text("master_key = ")
    assert kinds(folder)["keys-damaged"] == ERROR


def test_keys_that_others_can_read_are_found(folder: Path) -> None:
    """Whoever reads them may use and change the gateway."""
    (folder / "keys.toml").chmod(0o644)
    assert kinds(folder) == {"keys-readable": ERROR}


def test_a_missing_data_directory_is_said_to_be_missing(tmp_path: Path) -> None:
    """It may be the wrong one, or there was no start yet."""
    assert kinds(tmp_path / "none") == {"no-data": NOTE}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_data_directory_that_cannot_be_written_is_found(folder: Path) -> None:
    """Such as another user's."""
    folder.chmod(0o500)
    try:
        assert kinds(folder)["data-not-writable"] == ERROR
    finally:
        folder.chmod(0o700)


@pytest.mark.parametrize("disk", [(100 * GiB, GiB // 2), (100 * GiB, 4 * GiB)])
def test_a_disk_that_is_nearly_full_is_found(folder: Path, disk: tuple[int, int]) -> None:
    """In bytes, or in its share."""
    assert kinds(folder, disk=disk) == {"disk-full": ERROR}


def test_too_few_descriptors_are_found(folder: Path) -> None:
    """Each caller takes one."""
    assert kinds(folder, descriptors=1024) == {"few-descriptors": WARNING}


def test_a_damaged_database_is_found(folder: Path) -> None:
    """One that is none, and one with a page of rubbish."""
    path = database(folder)
    content = bytearray(path.read_bytes())
    content[8192:12288] = b"\xff" * 4096
    path.write_bytes(content)
    assert kinds(folder)["database-damaged"] == ERROR
    path.write_text("x" * 5000)
    assert kinds(folder)["database-damaged"] == ERROR


def test_a_database_that_cannot_be_opened_is_found(folder: Path) -> None:
    """Here something else has its name."""
    (folder / "registry.db").mkdir()
    assert kinds(folder)["database-not-writable"] == ERROR


def test_a_locked_database_is_found(folder: Path) -> None:
    """Another program is in the middle of a change, and stays there."""
    path = database(folder, version="v9998")
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert kinds(folder)["database-locked"] == ERROR
        other.execute("ROLLBACK")
    other.close()


@pytest.mark.parametrize(
    ("version", "found"),
    [("v9999", {"database-newer": ERROR}), ("v0001", {"database-older": NOTE})],
)
def test_a_database_of_another_version_is_found(
    folder: Path, version: str, found: dict[str, str]
) -> None:
    """A newer one cannot be used, an older one is upgraded."""
    database(folder, version=version)
    assert kinds(folder) == found


def test_databases_elsewhere_are_not_looked_for(folder: Path) -> None:
    """What SQLite left behind is nobody's then."""
    database(folder, version="v9999")
    assert kinds(folder, {"CONDUIT_DATABASE_URL": "postgresql://a/b"}) == {}


def test_a_port_that_is_taken_is_found(folder: Path) -> None:
    """Unless it is the gateway itself that has it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        env = {"CONDUIT_HTTP_PORT": str(taken.getsockname()[1])}
        assert kinds(folder, env) == {"port-taken": ERROR}
        assert kinds(folder, env, is_running=True) == {}


def test_an_expired_certificate_is_found(folder: Path) -> None:
    """Before it has expired, too; and a file that is none."""
    now = datetime.now(UTC)
    authority = Authority(folder / "certs", now)
    authority.create()
    made, key = authority.issue("server", ["localhost"], days=30, serves=True)
    env = {"CONDUIT_TLS_CERT": str(made), "CONDUIT_TLS_KEY": str(key)}
    assert "certificate-expired" not in kinds(folder, env)
    assert kinds(folder, env, now=now + timedelta(days=20))["certificate-expires"] == WARNING
    assert kinds(folder, env, now=now + timedelta(days=31))["certificate-expired"] == ERROR
    env["CONDUIT_TLS_CERT"] = str(folder / "keys.toml")
    assert kinds(folder, env)["certificate-unreadable"] == ERROR


def test_a_proxy_where_nobody_answers_is_found(folder: Path) -> None:
    """One that answers is none."""
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        url = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        assert kinds(folder, {"HTTPS_PROXY": url}) == {}
    assert kinds(folder, {"HTTPS_PROXY": url}) == {"proxy-away": ERROR}
    assert kinds(folder, {"HTTPS_PROXY": "socks5://a:1"})["proxy-wrong"] == ERROR
