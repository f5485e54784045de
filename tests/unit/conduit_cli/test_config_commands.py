"""The commands about the configuration as a file, without a gateway."""

import json
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.support.gateway_answers import answering

from conduit_cli import config_commands
from conduit_cli.commands import conduit


def test_a_file_is_validated_without_a_gateway(tmp_path: Path) -> None:
    """Each problem has the file, the line and the path."""
    file = tmp_path / "gateway.yaml"
    file.write_text("providers:\n- {name: A, providerType: OpenAI}\n")
    found = CliRunner().invoke(conduit, ["config", "validate", str(file)])
    assert (found.exit_code, found.stdout) == (0, f"{file} is right.\n")
    file.write_text("providers:\n- {name: A, providerType: OpenAI, wieght: 1}\nmappings: 1\n")
    found = CliRunner().invoke(conduit, ["config", "validate", str(file)])
    assert found.exit_code == 1
    assert f"{file}:3: mappings: mappings must be a list of things" in found.stderr
    file.write_text("providers:\n- {name: A, providerType: OpenAI, wieght: 1}\n")
    found = CliRunner().invoke(conduit, ["config", "validate", str(file)])
    assert found.stderr.startswith(f"Error: {file}:2: providers[0].wieght: ")
    file.write_bytes(b"\xff")
    found = CliRunner().invoke(conduit, ["config", "validate", str(file)])
    assert "cannot be read" in found.stderr
    file.write_text("providers: [")
    found = CliRunner().invoke(conduit, ["config", "validate", str(file)])
    assert found.stderr.startswith(f"Error: {file}: yaml is not right at line ")


def test_a_wrong_command_line_is_no_difference(tmp_path: Path) -> None:
    """`diff` exits with 2 where something differs, and with nothing else."""
    for words in (["diff", str(tmp_path / "none.yaml")], ["apply"], ["export", "--what"]):
        assert CliRunner().invoke(conduit, ["config", *words]).exit_code == 1


def test_the_schema_is_printed() -> None:
    """For an editor's settings."""
    found = CliRunner().invoke(conduit, ["config", "schema"])
    assert json.loads(found.stdout)["title"] == "Configuration of Conduit"


def test_a_watched_file_is_applied_again_when_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is wrong with it is told, and the next change is waited for."""
    file = tmp_path / "gateway.yaml"
    file.write_text("mappings: []")
    texts = iter([None, "mappings: [", None, None, "fallbackChains: []", None, None])
    waited = threading.Event()

    def sleep(seconds: float) -> None:
        assert seconds == config_commands.WATCH_SECONDS
        try:
            text = next(texts)
        except StopIteration:
            waited.set()
            raise KeyboardInterrupt from None
        if text:
            file.write_text(text)

    monkeypatch.setattr("time.sleep", sleep)
    with answering(200, b'{"changes": ["created mapping x"]}') as gateway:
        url = f"http://127.0.0.1:{gateway._port}"  # noqa: SLF001 # of the test's server
        asked = ["config", "apply", str(file), "--watch", "--url", url, "--key", "k"]
        found = CliRunner().invoke(conduit, asked)
    assert waited.is_set(), found.output + repr(found.exception)
    assert found.stdout.count("1 changes are in use.") == 2
    assert "is not right at line" in found.stderr


def test_a_gateway_that_is_away_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the file is applied; then it is waited for the file."""
    file = tmp_path / "gateway.yaml"
    file.write_text("mappings: []")
    waits = iter(range(6))

    def sleep(_: float) -> None:
        if next(waits, None) is None:
            raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", sleep)
    answers = iter([b"nonsense", *[b'{"changes": ["deleted mapping x"]}'] * 2])
    with answering(200, lambda: next(answers)) as gateway:
        url = f"http://127.0.0.1:{gateway._port}"  # noqa: SLF001 # of the test's server
        asked = ["config", "apply", str(file), "--watch", "--url", url, "--key", "k"]
        found = CliRunner().invoke(conduit, asked)
    assert found.stdout.count("1 changes are in use.") == 1, found.output
    assert "is not one of a gateway" in found.stderr or "no JSON" in found.stderr
