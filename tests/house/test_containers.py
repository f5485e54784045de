"""The image and the compose file, as far as they can be judged without running a container."""

import re
from typing import Any

import pytest
import yaml
from tests.house.conftest import ROOT

from conduit_kernel.settings import PORT_OFFSETS

DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text("utf-8")
# Instructions in their order; lines that go on are one.
STEPS = re.findall(r"^([A-Z]+) (.*)$", DOCKERFILE.replace("\\\n", ""), re.MULTILINE)
LAST_STAGE = STEPS[max(n for n, step in enumerate(STEPS) if step[0] == "FROM") :]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text("utf-8"))
GATEWAY: dict[str, Any] = COMPOSE["services"]["conduit"]
LOOPBACK = "127.0.0.1:"


def said(instruction: str) -> list[str]:
    """Return what an instruction says in the image that is run."""
    return [text for name, text in LAST_STAGE if name == instruction]


def ports(text: str) -> set[int]:
    """Return the ports of a range."""
    first, _, last = text.partition("-")
    return set(range(int(first), int(last or first) + 1))


def variables(environment: dict[str, str]) -> set[str]:
    """Return the names of our own variables that somebody may set."""
    asked = re.findall(r"\$\{(CONDUIT_\w+)", " ".join(map(str, environment.values())))
    return {name for name in (*environment, *asked) if name.startswith("CONDUIT_")}


def test_what_is_copied_into_the_image_is_there_and_not_ignored() -> None:
    """All that the build needs; a folder that moves must not be missed first by who builds."""
    ignored = (ROOT / ".dockerignore").read_text("utf-8").split()
    copied = [text.split()[:-1] for name, text in STEPS if name == "COPY" and "--from" not in text]
    names = {name for each in copied for name in each}
    assert names >= {"pyproject.toml", "services", "generated"}
    assert [name for name in names if not (ROOT / name).exists()] == []
    assert names.isdisjoint(ignored)


def test_what_the_package_is_built_of_is_copied() -> None:
    """Each folder, and the readme, that pyproject.toml names."""
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    named = re.findall(r'"((?:services|generated|clients|README)[\w./]*)"', project)
    copied = {name for step, text in STEPS if step == "COPY" for name in text.split()}
    assert named
    assert {name.partition("/")[0] for name in named} <= copied


def test_what_is_installed_in_the_image_is_what_the_lock_has() -> None:
    """By its hashes, and nothing beside it."""
    installs = [text for name, text in STEPS if name == "RUN" and "pip install" in text]
    assert len(installs) == 2
    assert "--require-hashes --no-deps -r deploy/requirements.txt" in installs[0]
    assert "--no-deps ." in installs[1]


def test_the_base_of_the_image_may_be_named_by_its_digest() -> None:
    """In both stages, by one argument."""
    assert [text.partition(" ")[0] for name, text in STEPS if name == "FROM"] == ["${BASE}"] * 2
    assert STEPS[0] == ("ARG", "BASE=python:3.13-slim")


def test_nobody_is_root_in_the_image() -> None:
    """By a number: whoever forbids root cannot look a name up. The data are theirs alone."""
    [user] = said("USER")
    [made] = said("RUN")
    assert int(user) > 0
    assert f"--uid {user} " in made
    assert re.search(r"install -d -m 700 -o conduit /data", made)
    assert said("VOLUME") == ["/data"]


def test_the_image_opens_the_ports_that_are_for_others() -> None:
    """Those of HTTP and of the services; Storage and the simulator are for our own processes."""
    [exposed] = said("EXPOSE")
    own = {"simulator", "storage"}
    public = {50051 + offset for name, offset in PORT_OFFSETS.items() if name not in own}
    assert {int(port) for port in exposed.split()} == {8080, *public}
    published = [text.removeprefix(LOOPBACK).split(":") for text in GATEWAY["ports"]]
    assert set().union(*(ports(inside) for _, inside in published)) == {8080, *public}


def test_the_image_asks_whether_it_lives() -> None:
    """At the address that its processes take, by the Python that it has."""
    [check] = said("HEALTHCHECK")
    assert "http://127.0.0.1:8080/health/live" in check
    assert 'CMD ["python"' in check
    assert said("STOPSIGNAL") == ["SIGTERM"]


def test_compose_opens_ports_to_this_machine_alone() -> None:
    """Keys travel in clear there."""
    assert GATEWAY["environment"]["CONDUIT_ALLOW_PLAINTEXT"] == "true"
    assert [port for port in GATEWAY["ports"] if not port.startswith(LOOPBACK)] == []
    assert "ports" not in COMPOSE["services"]["postgres"]


def test_compose_lets_nothing_be_written_but_the_data() -> None:
    """And what runs gains no right that it had not."""
    assert GATEWAY["read_only"] is True
    assert GATEWAY["tmpfs"] == ["/tmp"]  # noqa: S108 # a mount of the container
    assert GATEWAY["volumes"] == ["conduit:/data"]
    assert GATEWAY["cap_drop"] == ["ALL"]
    assert GATEWAY["security_opt"] == ["no-new-privileges:true"]
    named = {
        mount.partition(":")[0]
        for each in COMPOSE["services"].values()
        for mount in each["volumes"]
    }
    assert named == set(COMPOSE["volumes"])


def test_compose_waits_for_its_database() -> None:
    """Which has no password of ours."""
    assert GATEWAY["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert COMPOSE["services"]["postgres"]["healthcheck"]["test"]
    for each in COMPOSE["services"].values():
        shown = " ".join(map(str, each["environment"].values()))
        assert "PASSWORD" not in shown or "${POSTGRES_PASSWORD:?" in shown


@pytest.mark.parametrize("name", sorted(variables(GATEWAY["environment"])))
def test_compose_sets_variables_that_are_read(name: str, ours: dict[str, str]) -> None:
    """A misspelt one would be ignored without a word."""
    assert any(path.startswith("services/") and name in text for path, text in ours.items())


def test_stopping_fits_into_the_time_that_compose_gives() -> None:
    """Everything has stopped within five seconds; what is killed before loses its last charges."""
    assert int(GATEWAY["stop_grace_period"].removesuffix("s")) > 5


def test_the_page_names_what_it_takes(texts: dict[str, str]) -> None:
    """Each variable that somebody has to set or may set, and both files."""
    page = texts["docs/operating.md"]
    asked = re.findall(r"\$\{(\w+)", (ROOT / "deploy" / "compose.yaml").read_text("utf-8"))
    assert [
        name for name in {*asked, "deploy/compose.yaml", "deploy/Dockerfile"} if name not in page
    ] == []
