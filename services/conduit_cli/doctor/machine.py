"""Looks at the machine: the data directory, keys, databases, disk, descriptors, ports, proxies."""

import os
import resource
import shutil
import socket
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from cryptography import x509

from conduit_cli.doctor.finding import Finding, error, note, warning
from conduit_cli.keys import ENCRYPTION, MASTER, KeyFile, KeysUnusable
from conduit_cli.layout import PortTaken, is_loopback, with_free_ports
from conduit_kernel.egress import read_egress
from conduit_kernel.setting_names import unknown_names
from conduit_kernel.settings import Settings, read_settings

SERVICES = ("registry", "health", "billing", "storage")
LEAST_DESCRIPTORS = 4096
LEAST_FREE_BYTES = 1024**3
LEAST_FREE_SHARE = 0.05
EXPIRES_SOON = timedelta(days=14)
# How long anything is waited for.
WAIT_SECONDS = 1.0
_OTHERS = 0o077


class Machine(NamedTuple):
    """The machine as it is looked at; tests say what there is."""

    data_dir: Path
    env: Mapping[str, str]
    # Whether a gateway runs on this data directory: its ports are then rightly taken.
    is_running: bool = False
    now: datetime | None = None
    descriptors: int | None = None
    # Of the disk, in bytes: all, and those that are free.
    disk: tuple[int, int] | None = None


Check = Callable[[Machine], Iterator[Finding]]


def look(machine: Machine) -> Iterator[Finding]:
    """Yield what is wrong with a machine."""
    for check in CHECKS:
        yield from check(machine)


def check_names(machine: Machine) -> Iterator[Finding]:
    """Find variables that look like settings and are none."""
    for name, meant in unknown_names(machine.env).items():
        hint = f"Did you mean {meant}?" if meant else "docs/operating.md lists all settings."
        yield warning("unknown-setting", f"{name} is no setting: nobody reads it.", hint)


def check_settings(machine: Machine) -> Iterator[Finding]:
    """Find settings that make no sense, and a machine that others can listen to."""
    try:
        settings = _settings(machine)
    except ValueError as problem:
        yield error("wrong-setting", f"{problem}.")
        return
    is_plain = settings.tls is None
    for name, host in (("CONDUIT_HOST", settings.host), ("CONDUIT_GRPC_HOST", settings.grpc_host)):
        if is_plain and not is_loopback(host):
            yield warning(
                "plaintext",
                f"{name} {host} lets others in, and keys travel in clear.",
                "Give a certificate (--tls-cert, --tls-key), unless a proxy before it speaks TLS.",
            )


def check_keys(machine: Machine) -> Iterator[Finding]:
    """Find keys that are missing, damaged, or that others can read."""
    file = KeyFile(machine.data_dir)
    try:
        stored = file.read()
    except KeysUnusable as problem:
        yield error("keys-damaged", str(problem))
        return
    has_data = any((machine.data_dir / f"{name}.db").exists() for name in SERVICES)
    for name in (MASTER, ENCRYPTION):
        variable = f"CONDUIT_{name.upper()}"
        if has_data and not stored.get(name) and not machine.env.get(variable):
            yield error(
                f"{name.replace('_', '-')}-missing",
                f"There is data in {machine.data_dir}, and no {name.replace('_', ' ')} for it.",
                f"Set {variable}, or put {file.path} of a backup in its place.",
            )
    if file.path.exists() and file.path.stat().st_mode & _OTHERS:
        message = f"Others on this machine can read {file.path}."
        yield error("keys-readable", message, f"chmod 600 {file.path}")


def check_folder(machine: Machine) -> Iterator[Finding]:
    """Find a data directory that cannot be used."""
    folder = machine.data_dir
    if not folder.exists():
        message = f"There is no data directory {folder.absolute()} yet."
        yield note("no-data", message, "`conduit serve` makes it; say with --data-dir where it is.")
        return
    if not os.access(folder, os.W_OK | os.X_OK):
        message = f"{folder} cannot be written by this user."
        yield error("data-not-writable", message, f"Run as its owner, or: chown -R $USER {folder}")


def check_disk(machine: Machine) -> Iterator[Finding]:
    """Find a disk that is nearly full."""
    if not machine.data_dir.exists():
        return
    total, free = machine.disk or _disk(machine.data_dir)
    if free < LEAST_FREE_BYTES or free < total * LEAST_FREE_SHARE:
        yield error(
            "disk-full",
            f"{free / 1024**2:,.0f} MiB are left on the disk of {machine.data_dir}.",
            "Make room, or keep less: CONDUIT_CHARGE_DAYS, CONDUIT_REQUEST_LOG_ROWS.",
        )


def check_descriptors(machine: Machine) -> Iterator[Finding]:
    """Find a limit of open files that is too small for many callers."""
    limit = machine.descriptors or resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit < LEAST_DESCRIPTORS:
        yield warning(
            "few-descriptors",
            f"A process may open {limit} files: each caller takes one, and each call another.",
            "ulimit -n 65536, or LimitNOFILE=65536 of its systemd unit.",
        )


def check_databases(machine: Machine) -> Iterator[Finding]:
    """Find databases that are damaged, locked, not writable, or of another version."""
    if machine.env.get("CONDUIT_DATABASE_URL"):
        return
    for service in SERVICES:
        path = machine.data_dir / f"{service}.db"
        if path.exists():
            yield from _check_database(service, path)


def check_certificate(machine: Machine) -> Iterator[Finding]:
    """Find a certificate that has expired or soon will, or that cannot be read."""
    path = machine.env.get("CONDUIT_TLS_CERT")
    if not path:
        return
    try:
        found = x509.load_pem_x509_certificate(Path(path).read_bytes())
    except (OSError, ValueError) as problem:
        yield error("certificate-unreadable", f"{path} cannot be read as a certificate: {problem}")
        return
    now, ends = machine.now or datetime.now(UTC), found.not_valid_after_utc
    if ends <= now:
        message = f"The certificate {path} has expired on {ends:%Y-%m-%d}."
        yield error(
            "certificate-expired", message, "Put a new one in its place; no restart needed."
        )
    elif ends - now < EXPIRES_SOON:
        yield warning("certificate-expires", f"The certificate {path} expires on {ends:%Y-%m-%d}.")


def check_ports(machine: Machine) -> Iterator[Finding]:
    """Find ports that somebody else has."""
    if machine.is_running:
        return
    try:
        settings = _settings(machine)
        with_free_ports(
            settings.host, settings.http_port, settings.grpc_port, grpc_host=settings.grpc_host
        )
    except PortTaken as problem:
        yield error("port-taken", str(problem))
    except (ValueError, OSError):
        # Settings that make no sense are another finding.
        return


def check_proxies(machine: Machine) -> Iterator[Finding]:
    """Find proxies for providers that make no sense, or where nobody answers."""
    try:
        egress = read_egress(machine.env)
    except ValueError as problem:
        yield error("proxy-wrong", f"{problem}.")
        return
    for proxy in dict.fromkeys(filter(None, (egress.https, egress.http))):
        try:
            socket.create_connection((proxy.host, proxy.port), WAIT_SECONDS).close()
        except OSError as problem:
            yield error(
                "proxy-away",
                f"The proxy {proxy.where} for providers does not answer: {problem}",
                "Correct HTTPS_PROXY or HTTP_PROXY, or name in NO_PROXY who is asked directly.",
            )


CHECKS: tuple[Check, ...] = (
    check_names,
    check_settings,
    check_folder,
    check_keys,
    check_disk,
    check_descriptors,
    check_databases,
    check_certificate,
    check_ports,
    check_proxies,
)


def _settings(machine: Machine) -> Settings:
    """Return the settings of a gateway that is started here. ValueError if they make no sense."""
    stored: Mapping[str, object]
    try:
        stored = KeyFile(machine.data_dir).read()
    except KeysUnusable:
        stored = {}
    # Missing keys are another finding.
    keys = {
        "CONDUIT_MASTER_KEY": str(stored.get(MASTER) or "of-no-account-here"),
        "CONDUIT_ENCRYPTION_KEY": str(stored.get(ENCRYPTION) or f"{'A' * 43}="),
    }
    env = {**keys, **{name: value for name, value in machine.env.items() if value}}
    return read_settings({**env, "CONDUIT_ALLOW_PLAINTEXT": "true"})


def _disk(folder: Path) -> tuple[int, int]:
    usage = shutil.disk_usage(folder)
    return usage.total, usage.free


def _check_database(service: str, path: Path) -> Iterator[Finding]:
    try:
        with closing(sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None)) as database:
            (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                yield _damaged(path, str(found))
                return
            yield from _check_version(service, path, database)
            database.execute("BEGIN IMMEDIATE")
            database.execute("ROLLBACK")
    except sqlite3.OperationalError as problem:
        text = str(problem)
        if "locked" in text:
            message = f"{path} is locked: another program has been writing to it for a second."
            yield error("database-locked", message, "Stop it: `fuser FILE` tells which one it is.")
        elif "readonly" in text or "unable to open" in text:
            message = f"{path} cannot be written: {text}."
            yield error("database-not-writable", message, "Run as its owner, or mend its rights.")
        else:
            yield _damaged(path, text)
    except sqlite3.DatabaseError as problem:
        yield _damaged(path, str(problem))


def _damaged(path: Path, words: str) -> Finding:
    hint = "Put a backup in its place: conduit restore."
    return error("database-damaged", f"{path} is damaged: {words}.", hint)


def _check_version(service: str, path: Path, database: sqlite3.Connection) -> Iterator[Finding]:
    table = f"alembic_version_{service}"
    named = "SELECT 1 FROM sqlite_master WHERE name = ?"
    if database.execute(named, (table,)).fetchone() is None:
        return
    (own,) = database.execute(f"SELECT version_num FROM {table}").fetchone()  # noqa: S608 # of ours
    newest = _newest_migration(service)
    if own > newest:
        yield error(
            "database-newer",
            f"{path} was written by a newer version ({own}, this one knows {newest}).",
            "Install that version again; going back needs the backup from before.",
        )
    elif own < newest:
        message = f"{path} is of an older version ({own}): the next start upgrades it to {newest}."
        yield note("database-older", message, "Make a backup first: conduit backup FILE")


def _newest_migration(service: str) -> str:
    found = find_spec(f"conduit_{service}")
    assert found is not None and found.origin is not None  # noqa: S101, PT018 # it is installed
    folder = Path(found.origin).parent / "migrations"
    return max(path.stem.partition("_")[0] for path in folder.glob("v*.py"))
