"""The settings of a process, read once.

Environment variables win over the files that `conduit serve` keeps in the data directory.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from conduit_kernel.addresses import is_loopback
from conduit_kernel.breaker_policy import DEFAULT_POLICY, BreakerPolicy, read_policy
from conduit_kernel.egress import DIRECT, Egress, read_egress
from conduit_kernel.key_file import read_key_file
from conduit_kernel.oidc_settings import OidcSettings, read_oidc
from conduit_kernel.secrets import parse_key, service_token
from conduit_kernel.tls import TlsFiles, read_tls
from conduit_kernel.trusted_proxies import NO_PROXIES, TrustedProxies, read_trusted_proxies
from conduit_kernel.variables import flag, names_of, number, optional_number, positive, required

MAX_BODIES_BYTES = 512 * 1024 * 1024
MAX_BODY_BYTES = 64 * 1024 * 1024
GRPC_PORT = 50051
MIN_MASTER_KEY_CHARACTERS = 12
LOOPBACK = "127.0.0.1"
# What the address of a Unix socket begins with.
UNIX = "unix:"
# Proxies commonly cut what is silent for 30 s.
HEARTBEAT_SECONDS = 15
# Everything has stopped within 5 s.
DRAIN_SECONDS = 4
# OpenAI's own sessions end after one or two hours.
SESSION_SECONDS = 7500
STREAM_HOLD_BYTES = 1024 * 1024
STREAM_HOLD_SECONDS = 60
RECENT_REQUESTS = 2000
REQUEST_LOG_DAYS = 30
REQUEST_LOG_ROWS = 1_000_000
CACHE_BYTES = 64 * 1024 * 1024
CACHE_ANSWERS = 10_000
TASK_HOURS = 24
# As large as a message between our services may be, less some.
MAX_TASK_RESULT_BYTES = 64 * 1024 * 1024
TASK_RESULT_BYTES = 32 * 1024 * 1024
TASK_KEY_BYTES = 512 * 1024 * 1024
# What is delivered later than this is rare enough.
MIN_CHARGE_DAYS = 31
IDEMPOTENCY_HOURS = 24
IDEMPOTENT_RESULT_BYTES = 16 * 1024 * 1024
IDEMPOTENT_KEY_BYTES = 256 * 1024 * 1024
RESPONSE_DAYS = 30
RESPONSE_BYTES = 16 * 1024 * 1024
RESPONSE_KEY_BYTES = 256 * 1024 * 1024
BATCH_CALLS = 16
BATCH_LOOK_SECONDS = 5
FILE_DAYS = 30
HISTORY_DAYS = 30
DELIVERY_DAYS = 7
# What OpenAI takes of a batch, and more.
FILE_BYTES = 200 * 1024 * 1024
FILE_KEY_BYTES = 1024 * 1024 * 1024
FILES_BYTES = 16 * 1024 * 1024 * 1024
# Where container platforms mount secrets.
MOUNTED_SECRETS = (Path("/run/secrets"), Path("/var/run/secrets"))
# Each service's port, counted from the gRPC port.
PORT_OFFSETS = {"registry": 0, "router": 1, "health": 2, "billing": 3, "simulator": 4, "storage": 5}


@dataclass(frozen=True, slots=True)
class HealthChecks:
    """The way provider instances are checked, unless their own policy says otherwise."""

    interval_minutes: int = 5
    # Of a check, retries included.
    timeout_seconds: int = 30
    retry_attempts: int = 3
    # Failures in a row after which an instance is unhealthy.
    failure_threshold: int = 3


@dataclass(frozen=True, slots=True)
class Settings:
    """The configuration of a process. Nothing else reads the environment."""

    data_dir: Path
    master_key: str = field(repr=False)
    encryption_key: bytes = field(repr=False)
    former_encryption_keys: tuple[bytes, ...] = field(default=(), repr=False)
    # Where they stand as well, and may change while the process runs.
    key_file: Path | None = None
    # May hold a password.
    database_url: str = field(default="", repr=False)
    log_level: str = "info"
    # Of HTTP, and of the gRPC ports.
    host: str = LOOPBACK
    grpc_host: str = LOOPBACK
    http_port: int = 8080
    grpc_port: int = GRPC_PORT
    # On which a service that runs alone shows what it counts; None for none.
    metrics_port: int | None = None
    # None for plain text.
    tls: TlsFiles | None = None
    # Service name to `host:port`, for services in other processes, or to `unix:PATH`: a socket
    # that the service then listens on as well.
    targets: Mapping[str, str] = field(default_factory=dict[str, str])
    # Of providers, which the operator names.
    allow_private_addresses: bool = False
    # Of pictures and other media, which callers name.
    allow_private_media: bool = False
    max_body_bytes: int = MAX_BODY_BYTES
    # Of all bodies that a bridge holds at a time.
    max_bodies_bytes: int = MAX_BODIES_BYTES
    # Further provider types, as a folder of TOML files.
    catalog_dir: Path | None = None
    # The only folders whose files keys may name; without any, see `secret_folders`.
    secret_dirs: tuple[Path, ...] = ()
    # The only variables of the environment that keys may name, as patterns; without any, all.
    secret_variables: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ("*",)
    # The proxies by which providers are reached.
    egress: Egress = DIRECT
    # Who names administrators that log in; None for nobody.
    oidc: OidcSettings | None = None
    # The proxies before us that are believed whom they speak for.
    trusted_proxies: TrustedProxies = NO_PROXIES
    # The longest silence of a stream of events, in seconds; 0 for any.
    heartbeat_seconds: float = HEARTBEAT_SECONDS
    # Whether responses are held over WebSockets.
    has_response_sockets: bool = True
    # Whether the documentation is served.
    has_documentation: bool = True
    # How long the audit log is kept, in days; 0 for ever.
    audit_days: int = 0
    # How long Billing keeps charges, in days; 0 for ever.
    charge_days: int = 0
    # Of sessions, in seconds: until a caller's first event, where that names the model; until a
    # provider has opened one; the longest silence of both sides; from its beginning to its end.
    session_first_event_seconds: float = 60
    session_opening_seconds: float = 20
    session_idle_seconds: float = 900
    session_seconds: float = SESSION_SECONDS
    # So many charges that the disk refuses have calls refused, too; 0 for any, so that calls go on.
    max_waiting_charges: int = 0
    # The most that callers may ask for, in seconds and in attempts.
    max_call_seconds: int = 3600
    max_attempts: int = 16
    # How many calls a virtual key may have under way at each router; 0 for any number, None for
    # half of the connections that a router may have to a provider.
    max_calls_per_key: int | None = None
    # How many recent requests of each kind a router remembers; 0 for none.
    recent_requests: int = RECENT_REQUESTS
    # How long what became of requests is kept, in days, 0 for not at all; and of how many.
    request_log_days: int = REQUEST_LOG_DAYS
    request_log_rows: int = REQUEST_LOG_ROWS
    # When circuits open, and for how long.
    breaker: BreakerPolicy = DEFAULT_POLICY
    # So much of an answer, and so long, is a stream held back that is to be restarted if it fails.
    stream_hold_bytes: int = STREAM_HOLD_BYTES
    stream_hold_seconds: float = STREAM_HOLD_SECONDS
    # The most that a router keeps of answers in memory; none where either is 0.
    cache_bytes: int = CACHE_BYTES
    cache_answers: int = CACHE_ANSWERS
    health_checks: HealthChecks = HealthChecks()
    # How long Health keeps the history of instances, and what became of webhooks' deliveries.
    history_days: int = HISTORY_DAYS
    delivery_days: int = DELIVERY_DAYS
    # How long an ended task is kept, the most bytes of a result, and of all tasks of a virtual key.
    task_retention_hours: int = TASK_HOURS
    task_result_bytes: int = TASK_RESULT_BYTES
    task_key_bytes: int = TASK_KEY_BYTES
    # How long answers to calls with an idempotency key are kept, the most bytes of one, compressed,
    # and of all of a virtual key.
    idempotency_hours: int = IDEMPOTENCY_HOURS
    idempotent_result_bytes: int = IDEMPOTENT_RESULT_BYTES
    idempotent_key_bytes: int = IDEMPOTENT_KEY_BYTES
    # How long responses are kept, in days, the most bytes of one, compressed, and of all of a
    # virtual key.
    response_days: int = RESPONSE_DAYS
    response_bytes: int = RESPONSE_BYTES
    response_key_bytes: int = RESPONSE_KEY_BYTES
    # How long files are kept, in days, the most bytes of one, and of all files of a virtual key and
    # of all files, as they are kept: compressed.
    file_days: int = FILE_DAYS
    file_bytes: int = FILE_BYTES
    file_key_bytes: int = FILE_KEY_BYTES
    files_bytes: int = FILES_BYTES
    # How many requests of batches are under way at each router; 0 where it works on none.
    batch_calls: int = BATCH_CALLS
    # After how many seconds a provider's own batch is first looked at; later ones come later.
    batch_look_seconds: float = BATCH_LOOK_SECONDS
    # How long a stopping process waits for calls under way, in seconds.
    drain_seconds: float = DRAIN_SECONDS
    # How long it takes calls before that, though it says that it is not ready, in seconds.
    drain_delay_seconds: float = 0.0

    def target(self, service: str) -> str:
        """Return where a service is: as configured, else beside this process."""
        return self.targets.get(service) or f"127.0.0.1:{self.port(service)}"

    @property
    def service_tokens(self) -> tuple[str, ...]:
        """The tokens between our services: first the current, then those of former keys."""
        return tuple(map(service_token, (self.encryption_key, *self.former_encryption_keys)))

    @property
    def secret_folders(self) -> tuple[Path, ...]:
        """Return the folders whose files keys may name: as configured, else the usual ones."""
        return self.secret_dirs or (self.data_dir / "secrets", *MOUNTED_SECRETS)

    def secret_environment(self, env: Mapping[str, str]) -> Mapping[str, str]:
        """Return the variables of an environment that keys may name."""
        if not (allowed := self.secret_variables):
            return env
        names = [name for name in env if any(fnmatchcase(name, each) for each in allowed)]
        return {name: env[name] for name in names}

    @property
    def simulator_url(self) -> str:
        """Return where the built-in simulator listens."""
        return f"http://{self.target('simulator')}"

    def socket(self, service: str) -> str:
        """Return the Unix socket on which a service listens beside its port; empty for none."""
        target = self.targets.get(service, "")
        return target if target.startswith(UNIX) else ""

    def port(self, service: str) -> int:
        """Return the port on which a service listens; 0 lets the system choose."""
        return self.grpc_port and self.grpc_port + PORT_OFFSETS[service]


def read_settings(env: Mapping[str, str], **given: object) -> Settings:
    """Build the settings from an environment; what is given by name wins.

    ValueError, without any secret in it, when a variable makes no sense or a key is missing.
    """
    values: dict[str, object] = {
        "data_dir": Path(env.get("CONDUIT_DATA_DIR") or ".conduit"),
        "master_key": _master_key(env),
        **_encryption_keys(env),
        "database_url": env.get("CONDUIT_DATABASE_URL", ""),
        "log_level": env.get("CONDUIT_LOG_LEVEL", "info").lower(),
        "host": env.get("CONDUIT_HOST") or LOOPBACK,
        "grpc_host": env.get("CONDUIT_GRPC_HOST") or LOOPBACK,
        "tls": read_tls(env),
        "http_port": number(env, "CONDUIT_HTTP_PORT", 8080),
        "grpc_port": number(env, "CONDUIT_GRPC_PORT", GRPC_PORT),
        "metrics_port": optional_number(env, "CONDUIT_METRICS_PORT"),
        "targets": {
            service: env[f"CONDUIT_{service.upper()}_TARGET"]
            for service in PORT_OFFSETS
            if env.get(f"CONDUIT_{service.upper()}_TARGET")
        },
        "allow_private_addresses": flag(env, "CONDUIT_ALLOW_PRIVATE_ADDRESSES"),
        "allow_private_media": flag(env, "CONDUIT_ALLOW_PRIVATE_MEDIA"),
        "max_body_bytes": number(env, "CONDUIT_MAX_BODY_BYTES", MAX_BODY_BYTES),
        "max_bodies_bytes": number(env, "CONDUIT_MAX_BODIES_BYTES", MAX_BODIES_BYTES),
        "egress": read_egress(env),
        "oidc": read_oidc(env),
        "trusted_proxies": read_trusted_proxies(env),
        "breaker": read_policy(env),
        "max_call_seconds": number(env, "CONDUIT_MAX_CALL_SECONDS", 3600),
        "max_attempts": number(env, "CONDUIT_MAX_ATTEMPTS", 16),
        "max_calls_per_key": optional_number(env, "CONDUIT_MAX_CALLS_PER_KEY"),
        "recent_requests": number(env, "CONDUIT_RECENT_REQUESTS", RECENT_REQUESTS),
        "request_log_days": number(env, "CONDUIT_REQUEST_LOG_DAYS", REQUEST_LOG_DAYS),
        "request_log_rows": positive(env, "CONDUIT_REQUEST_LOG_ROWS", REQUEST_LOG_ROWS),
        "max_waiting_charges": number(env, "CONDUIT_MAX_WAITING_CHARGES", 0),
        "heartbeat_seconds": number(env, "CONDUIT_HEARTBEAT_SECONDS", HEARTBEAT_SECONDS),
        "has_response_sockets": not flag(env, "CONDUIT_NO_RESPONSE_SOCKETS"),
        "has_documentation": not flag(env, "CONDUIT_NO_DOCUMENTATION"),
        "task_retention_hours": positive(env, "CONDUIT_TASK_RETENTION_HOURS", TASK_HOURS),
        "task_result_bytes": _result_bytes(env, "CONDUIT_TASK_RESULT_BYTES", TASK_RESULT_BYTES),
        "task_key_bytes": positive(env, "CONDUIT_TASK_KEY_BYTES", TASK_KEY_BYTES),
        "idempotency_hours": positive(env, "CONDUIT_IDEMPOTENCY_HOURS", IDEMPOTENCY_HOURS),
        "idempotent_result_bytes": _result_bytes(
            env, "CONDUIT_IDEMPOTENT_RESULT_BYTES", IDEMPOTENT_RESULT_BYTES
        ),
        "idempotent_key_bytes": positive(env, "CONDUIT_IDEMPOTENT_KEY_BYTES", IDEMPOTENT_KEY_BYTES),
        "response_days": positive(env, "CONDUIT_RESPONSE_RETENTION_DAYS", RESPONSE_DAYS),
        "response_bytes": _result_bytes(env, "CONDUIT_RESPONSE_BYTES", RESPONSE_BYTES),
        "response_key_bytes": positive(env, "CONDUIT_RESPONSE_KEY_BYTES", RESPONSE_KEY_BYTES),
        "file_days": positive(env, "CONDUIT_FILE_RETENTION_DAYS", FILE_DAYS),
        "file_bytes": positive(env, "CONDUIT_FILE_BYTES", FILE_BYTES),
        "file_key_bytes": positive(env, "CONDUIT_FILE_KEY_BYTES", FILE_KEY_BYTES),
        "files_bytes": positive(env, "CONDUIT_FILES_BYTES", FILES_BYTES),
        "cache_bytes": number(env, "CONDUIT_CACHE_BYTES", CACHE_BYTES),
        "cache_answers": number(env, "CONDUIT_CACHE_ANSWERS", CACHE_ANSWERS),
        "batch_calls": number(env, "CONDUIT_BATCH_CALLS", BATCH_CALLS),
        "batch_look_seconds": positive(env, "CONDUIT_BATCH_LOOK_SECONDS", BATCH_LOOK_SECONDS),
        "history_days": positive(env, "CONDUIT_HEALTH_HISTORY_DAYS", HISTORY_DAYS),
        "delivery_days": positive(env, "CONDUIT_WEBHOOK_DELIVERY_DAYS", DELIVERY_DAYS),
        "health_checks": _health_checks(env),
        "drain_seconds": number(env, "CONDUIT_DRAIN_SECONDS", DRAIN_SECONDS),
        "drain_delay_seconds": number(env, "CONDUIT_DRAIN_DELAY_SECONDS", 0),
        "audit_days": number(env, "CONDUIT_AUDIT_DAYS", 0),
        "charge_days": _charge_days(env),
        "session_first_event_seconds": positive(env, "CONDUIT_SESSION_FIRST_EVENT_SECONDS", 60),
        "session_opening_seconds": positive(env, "CONDUIT_SESSION_OPENING_SECONDS", 20),
        "session_idle_seconds": positive(env, "CONDUIT_SESSION_IDLE_SECONDS", 900),
        "session_seconds": positive(env, "CONDUIT_SESSION_SECONDS", SESSION_SECONDS),
        "stream_hold_bytes": number(env, "CONDUIT_STREAM_HOLD_BYTES", STREAM_HOLD_BYTES),
        "stream_hold_seconds": number(env, "CONDUIT_STREAM_HOLD_SECONDS", STREAM_HOLD_SECONDS),
        "catalog_dir": Path(folder) if (folder := env.get("CONDUIT_CATALOG_DIR")) else None,
        "secret_dirs": tuple(map(Path, names_of(env, "CONDUIT_SECRET_DIRS"))),
        "secret_variables": tuple(names_of(env, "CONDUIT_SECRET_VARIABLES")),
        "cors_origins": tuple(env.get("CONDUIT_CORS_ORIGINS", "*").replace(" ", "").split(",")),
    }
    settings = Settings(**{**values, **given})  # type: ignore[arg-type] # each value has its field's type
    _check_exposure(settings, may_be_plain=flag(env, "CONDUIT_ALLOW_PLAINTEXT"))
    return settings


def _encryption_keys(env: Mapping[str, str]) -> dict[str, object]:
    """Return the keys by the environment, or else by the key file that it names."""
    path = Path(name) if (name := env.get("CONDUIT_KEY_FILE")) else None
    if path is not None and not env.get("CONDUIT_ENCRYPTION_KEY"):
        current, *former = read_key_file(path)
    else:
        current = parse_key(required(env, "CONDUIT_ENCRYPTION_KEY"))
        former = [*map(parse_key, names_of(env, "CONDUIT_FORMER_ENCRYPTION_KEYS"))]
    return {
        "encryption_key": current,
        "former_encryption_keys": tuple(former),
        "key_file": path,
    }


def _check_exposure(settings: Settings, *, may_be_plain: bool) -> None:
    """Raise ValueError where keys would cross a network in clear, and nobody said that they may."""
    if settings.tls is not None:
        if settings.trusted_proxies.writes_prefaces:
            raise ValueError("CONDUIT_REAL_IP_HEADER: proxy_protocol is not spoken before TLS")
        return
    for name, host in (("HOST", settings.host), ("GRPC_HOST", settings.grpc_host)):
        if not (may_be_plain or host == "localhost" or is_loopback(host)):
            raise ValueError(
                f"CONDUIT_{name} {host} lets others in, and keys would travel in clear: give a "
                "certificate (--tls-cert, --tls-key), or say --allow-plaintext (CONDUIT_"
                "ALLOW_PLAINTEXT=true) where a proxy before it speaks TLS"
            )


def _charge_days(env: Mapping[str, str]) -> int:
    days = number(env, "CONDUIT_CHARGE_DAYS", 0)
    if 0 < days < MIN_CHARGE_DAYS:
        raise ValueError(f"CONDUIT_CHARGE_DAYS must be 0, for ever, or at least {MIN_CHARGE_DAYS}")
    return days


def _health_checks(env: Mapping[str, str]) -> HealthChecks:
    usual = HealthChecks()
    name = "CONDUIT_HEALTH_{}".format
    checks = HealthChecks(
        number(env, name("CHECK_INTERVAL_MINUTES"), usual.interval_minutes),
        number(env, name("TIMEOUT_SECONDS"), usual.timeout_seconds),
        number(env, name("RETRY_ATTEMPTS"), usual.retry_attempts),
        number(env, name("FAILURE_THRESHOLD"), usual.failure_threshold),
    )
    if not (checks.interval_minutes and checks.timeout_seconds and checks.failure_threshold):
        raise ValueError("CONDUIT_HEALTH_...: only RETRY_ATTEMPTS may be 0")
    return checks


def _result_bytes(env: Mapping[str, str], name: str, default: int) -> int:
    size = positive(env, name, default)
    if size > MAX_TASK_RESULT_BYTES:
        raise ValueError(f"{name} must be at most {MAX_TASK_RESULT_BYTES}")
    return size


def environment() -> Mapping[str, str]:
    """Return the environment of this process."""
    return os.environ


def _master_key(env: Mapping[str, str]) -> str:
    """Return the master key; ValueError, without it, if it can be guessed or sent by nobody."""
    key = required(env, "CONDUIT_MASTER_KEY")
    if len(key) < MIN_MASTER_KEY_CHARACTERS:
        least = MIN_MASTER_KEY_CHARACTERS
        raise ValueError(f"CONDUIT_MASTER_KEY has fewer than {least} characters: it can be guessed")
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise ValueError("CONDUIT_MASTER_KEY must be of ASCII characters without spaces")
    return key
