"""What a process is told by its environment."""

from pathlib import Path

import pytest
from tests.support.credentials import new_key
from tests.support.key_files import key_file

from conduit_kernel.settings import HealthChecks, read_settings


@pytest.fixture
def env() -> dict[str, str]:
    """Return the least environment."""
    return {"CONDUIT_MASTER_KEY": "master-key-of-tests", "CONDUIT_ENCRYPTION_KEY": new_key()}


def test_keys_may_name_files_in_the_usual_folders(env: dict[str, str]) -> None:
    """A folder of the data directory's, and where container platforms mount secrets."""
    settings = read_settings({**env, "CONDUIT_DATA_DIR": "/data"})
    assert settings.secret_folders == (
        Path("/data/secrets"),
        Path("/run/secrets"),
        Path("/var/run/secrets"),
    )


@pytest.mark.parametrize(
    ("allowed", "left"),
    [
        ("", {"OPENAI_KEY", "OPENAI", "GITHUB_TOKEN"}),
        (" , ", {"OPENAI_KEY", "OPENAI", "GITHUB_TOKEN"}),
        ("OPENAI_*", {"OPENAI_KEY"}),
        ("openai_*,GITHUB_TOKE", set()),
        ("OPENAI, GITHUB_TOKEN", {"OPENAI", "GITHUB_TOKEN"}),
    ],
)
def test_keys_name_variables_that_are_allowed(
    env: dict[str, str], allowed: str, left: set[str]
) -> None:
    """By whole names, in their own case; all where none is named."""
    settings = read_settings({**env, "CONDUIT_SECRET_VARIABLES": allowed})
    there = dict.fromkeys(("OPENAI_KEY", "OPENAI", "GITHUB_TOKEN"), "x")
    assert set(settings.secret_environment(there)) == left


def test_named_folders_take_the_place_of_the_usual_ones(env: dict[str, str]) -> None:
    """So that an operator can shut those, too."""
    settings = read_settings({**env, "CONDUIT_SECRET_DIRS": "/etc/conduit/keys, /mnt/vault,"})
    assert settings.secret_folders == (Path("/etc/conduit/keys"), Path("/mnt/vault"))


def test_former_keys_are_a_list(env: dict[str, str]) -> None:
    """Spaces and empty places between commas are no keys."""
    first, second = new_key(), new_key()
    settings = read_settings({**env, "CONDUIT_FORMER_ENCRYPTION_KEYS": f"{first}, {second},"})
    assert len(settings.former_encryption_keys) == len((first, second))


def test_missing_key_is_named(env: dict[str, str]) -> None:
    """And what makes one."""
    del env["CONDUIT_MASTER_KEY"]
    with pytest.raises(ValueError, match=r"CONDUIT_MASTER_KEY is not set; `conduit serve` makes"):
        read_settings(env)


def test_calls_go_on_without_a_disk_unless_told_otherwise(env: dict[str, str]) -> None:
    """A number of waiting charges is what an operator sets against it."""
    assert read_settings(env).max_waiting_charges == 0
    settings = read_settings({**env, "CONDUIT_MAX_WAITING_CHARGES": "500"})
    assert settings.max_waiting_charges == 500


def test_the_calls_of_a_key_go_by_the_connections_unless_told_otherwise(
    env: dict[str, str],
) -> None:
    """A router knows how many it may have; zero is any number of calls."""
    assert read_settings(env).max_calls_per_key is None
    for most in (0, 7):
        told = {"CONDUIT_MAX_CALLS_PER_KEY": str(most)}
        assert read_settings({**env, **told}).max_calls_per_key == most


def test_a_drain_takes_four_seconds_unless_told_otherwise(env: dict[str, str]) -> None:
    """And begins at once."""
    settings = read_settings(env)
    assert (settings.drain_delay_seconds, settings.drain_seconds) == (0, 4)
    told = {"CONDUIT_DRAIN_DELAY_SECONDS": "5", "CONDUIT_DRAIN_SECONDS": "60"}
    settings = read_settings({**env, **told})
    assert (settings.drain_delay_seconds, settings.drain_seconds) == (5, 60)


SESSION_LIMITS = ("SESSION_FIRST_EVENT", "SESSION_OPENING", "SESSION_IDLE", "SESSION")


@pytest.mark.parametrize("name", SESSION_LIMITS)
def test_sessions_have_limits_of_time_that_an_operator_sets(env: dict[str, str], name: str) -> None:
    """None is without a limit: a silent session would be held for ever."""
    variable = f"CONDUIT_{name}_SECONDS"
    field = f"{name.lower()}_seconds"
    assert getattr(read_settings(env), field) > 0
    assert getattr(read_settings({**env, variable: "7"}), field) == 7
    with pytest.raises(ValueError, match=f"{variable} must be at least 1"):
        read_settings({**env, variable: "0"})


def test_checks_are_the_guides_unless_told_otherwise(env: dict[str, str]) -> None:
    """Every 5 minutes, 30 s, 3 retries, unhealthy after 3 failures."""
    assert read_settings(env).health_checks == HealthChecks(5, 30, 3, 3)
    names = ("CHECK_INTERVAL_MINUTES", "TIMEOUT_SECONDS", "RETRY_ATTEMPTS", "FAILURE_THRESHOLD")
    told = {f"CONDUIT_HEALTH_{name}": str(i) for i, name in enumerate(names, start=1)}
    assert read_settings({**env, **told}).health_checks == HealthChecks(1, 2, 3, 4)
    with pytest.raises(ValueError, match="only RETRY_ATTEMPTS may be 0"):
        read_settings({**env, "CONDUIT_HEALTH_FAILURE_THRESHOLD": "0"})


@pytest.mark.parametrize("name", ["CONDUIT_HOST", "CONDUIT_GRPC_HOST"])
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "gateway.example.org"])  # noqa: S104 # read
def test_keys_do_not_cross_a_network_in_clear(env: dict[str, str], name: str, host: str) -> None:
    """Unless there is a certificate, or somebody said that they may."""
    env[name] = host
    with pytest.raises(ValueError, match=f"{name} .*--allow-plaintext"):
        read_settings(env)
    read_settings({**env, "CONDUIT_ALLOW_PLAINTEXT": "true"})
    tls = {"CONDUIT_TLS_CERT": "/c.pem", "CONDUIT_TLS_KEY": "/k.pem"}
    assert read_settings({**env, **tls}).tls is not None


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_on_this_machine_they_may(env: dict[str, str], host: str) -> None:
    """Nobody else listens there."""
    read_settings({**env, "CONDUIT_HOST": host, "CONDUIT_GRPC_HOST": host})


def test_a_preface_and_tls_do_not_go_together(env: dict[str, str]) -> None:
    """Which the server would take for a broken handshake."""
    env = {
        **env,
        "CONDUIT_TLS_CERT": "/c.pem",
        "CONDUIT_TLS_KEY": "/k.pem",
        "CONDUIT_TRUSTED_PROXIES": "10.0.0.1",
        "CONDUIT_REAL_IP_HEADER": "proxy_protocol",
    }
    with pytest.raises(ValueError, match="proxy_protocol"):
        read_settings(env)


def test_a_socket_is_where_a_service_listens_as_well(env: dict[str, str]) -> None:
    """An address of another machine is none."""
    env = {**env, "CONDUIT_REGISTRY_TARGET": "unix:/run/registry", "CONDUIT_HEALTH_TARGET": "h:1"}
    settings = read_settings(env)
    assert settings.socket("registry") == settings.target("registry") == "unix:/run/registry"
    assert settings.socket("health") == settings.socket("billing") == ""


def test_the_key_file_gives_the_keys_that_the_environment_does_not(
    env: dict[str, str], tmp_path: Path
) -> None:
    """As where a platform mounts it; what the environment has goes before."""
    one, two = bytes(range(32)), bytes(range(1, 33))
    path = key_file(tmp_path, two, one).path
    given = env | {"CONDUIT_KEY_FILE": str(path)}
    settings = read_settings(given)
    assert settings.encryption_key != two
    assert settings.key_file == path
    del given["CONDUIT_ENCRYPTION_KEY"]
    settings = read_settings(given)
    assert (settings.encryption_key, settings.former_encryption_keys) == (two, (one,))
    path.write_text("")
    with pytest.raises(ValueError, match="has no encryption_key"):
        read_settings(given)


def test_charges_are_kept_for_a_month_at_least(env: dict[str, str]) -> None:
    """For ever, unless it is said how long; a router may have been away for some days."""
    assert read_settings(env).charge_days == 0
    assert read_settings({**env, "CONDUIT_CHARGE_DAYS": "31"}).charge_days == 31
    with pytest.raises(ValueError, match="CONDUIT_CHARGE_DAYS must be 0, for ever, or at least 31"):
        read_settings({**env, "CONDUIT_CHARGE_DAYS": "30"})


@pytest.mark.parametrize(
    "key",
    [
        "a",
        "eleven-char",
        " " * 20,
        "with spaces in it",
        "schl\u00fcssel-der-tests",
        "line\nbreak-of-tests",
    ],
)
def test_a_master_key_that_can_be_guessed_or_never_sent_is_refused(
    env: dict[str, str], key: str
) -> None:
    """With a reason, and without the key."""
    with pytest.raises(ValueError, match=r"CONDUIT_MASTER_KEY (has fewer|must be)") as refused:
        read_settings({**env, "CONDUIT_MASTER_KEY": key})
    assert len(key) == 1 or key not in str(refused.value)


def test_what_health_notes_is_kept_for_days_at_least(env: dict[str, str]) -> None:
    """A month of history and a week of deliveries, unless told otherwise; never for no time."""
    assert (read_settings(env).history_days, read_settings(env).delivery_days) == (30, 7)
    names = ("CONDUIT_HEALTH_HISTORY_DAYS", "CONDUIT_WEBHOOK_DELIVERY_DAYS")
    settings = read_settings({**env, **dict.fromkeys(names, "90")})
    assert (settings.history_days, settings.delivery_days) == (90, 90)
    for name in names:
        with pytest.raises(ValueError, match=f"{name} must be at least 1"):
            read_settings({**env, name: "0"})
