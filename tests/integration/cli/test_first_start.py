"""The first start of a gateway, as its user sees it."""

import json
import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tests.support.gateways import CONDUIT, Served, environment

from conduit_cli.gateway import Gateway, GatewayError
from conduit_cli.keys import ENCRYPTION, MASTER, VIRTUAL, KeyFile


def test_what_is_collected_as_a_log_has_no_key(served: Served) -> None:
    """It says which were made, and where they are: nobody but their owner reads that file."""
    stored = KeyFile(served.data_dir).read()
    printed = served.output + "".join(served.log)
    for name in (MASTER, ENCRYPTION, VIRTUAL):
        assert str(stored[name]) not in printed
    assert "Made for you" in served.output
    assert str(served.data_dir / "keys.toml") in served.output


def test_the_printed_commands_work(served: Served) -> None:
    """As they stand, at once."""
    found = re.search(r"^  export .*?\n\n", served.output, re.DOTALL | re.MULTILINE)
    assert found
    # Of curl, what goes to its user's eyes alone.
    commands = found[0].replace("  curl ", "  curl --silent ")
    done = subprocess.run(  # noqa: S603 # what the gateway told its user to run
        ["/bin/sh", "-euc", commands], check=True, capture_output=True, timeout=10
    )
    answer = json.loads(done.stdout)
    assert answer["choices"][0]["message"]["content"] == "Hello, Conduit!"


def _chat(served: Served, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return _run(served, "chat", *arguments, **env)


def _run(served: Served, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 # our own command
        [CONDUIT, *arguments],
        env=environment(**{"CONDUIT_DATA_DIR": str(served.data_dir), **env}),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def test_chat_finds_the_gateway_and_answers(served: Served) -> None:
    """Address and key come from the data directory."""
    said = _chat(served, "hello out there")
    assert (said.stdout, said.returncode) == ("hello out there\n", 0)


def test_sound_and_pictures_are_had_without_an_account(served: Served, tmp_path: Path) -> None:
    """Spoken, heard, drawn; each command says in one line what it did or what is wrong."""
    sound, picture = tmp_path / "a.wav", tmp_path / "b.png"
    spoken = _run(served, "speak", "hello", "--format", "wav", "-o", str(sound))
    assert (spoken.stderr, spoken.returncode) == ("", 0)
    assert sound.read_bytes().startswith(b"RIFF")
    heard = _run(served, "transcribe", str(sound))
    assert (heard.returncode, len(heard.stdout.splitlines())) == (0, 1)
    assert _run(served, "transcribe", str(sound), "--format", "srt").stdout.startswith("1\n00:00")
    drawn = _run(served, "image", "a cat", "-n", "2", "-o", str(picture))
    assert (drawn.stderr, drawn.returncode) == ("", 0)
    for name in ("b-1.png", "b-2.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    refused = _run(served, "speak", "hello", "--model", "none", "-o", str(sound))
    assert refused.returncode == 1
    assert "Choose with --model: echo" in refused.stderr
    nowhere = _run(served, "speak", "hello", "-o", str(tmp_path / "no" / "a.mp3"))
    assert (nowhere.returncode, len(nowhere.stderr.splitlines())) == (1, 1)


def test_chat_obeys_the_environment(served: Served) -> None:
    """CONDUIT_URL and CONDUIT_API_KEY win over the data directory."""
    key = str(KeyFile(served.data_dir).read()[VIRTUAL])
    said = _chat(
        served, "hi", CONDUIT_URL=served.url, CONDUIT_API_KEY=key, CONDUIT_DATA_DIR="nowhere"
    )
    assert said.stdout == "hi\n"


def test_chat_names_the_models_when_one_is_unknown(served: Served) -> None:
    """One line with the gateway's reason, one with the choice, and no traceback."""
    said = _chat(served, "hi", "--model", "nothing")
    assert said.returncode == 1
    assert "nothing" in said.stderr
    assert "Choose with --model: echo" in said.stderr
    assert "Traceback" not in said.stderr


def test_chat_says_when_nobody_answers(served: Served) -> None:
    """And how to change that."""
    said = _chat(served, "hi", "--url", "http://127.0.0.1:9")
    assert said.returncode == 1
    assert "conduit serve" in said.stderr
    assert "Traceback" not in said.stderr


def test_chat_says_when_it_has_no_key(tmp_path: Path, served: Served) -> None:
    """Instead of asking without one."""
    said = _chat(served, "hi", "--data-dir", str(tmp_path))
    assert said.returncode == 1
    assert "--key" in said.stderr


async def test_all_services_say_that_they_serve(served: Served) -> None:
    """To whoever asks by the standard health protocol."""
    text = re.search(r"^gRPC: (.*)$", served.output, re.MULTILINE)
    assert text
    addresses = [pair.split()[1] for pair in text[1].split(", ")]
    assert len(addresses) == 5
    for address in addresses:
        async with grpc.aio.insecure_channel(address) as channel:
            # Its published types know no calls.
            probe: Any = health_pb2_grpc.HealthStub(channel)
            answer = await probe.Check(health_pb2.HealthCheckRequest(), timeout=5)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_metrics_tell_of_charges_on_their_way(served: Served) -> None:
    """Nothing waits, was lost or set aside, and an operator sees that there is nothing."""
    text = httpx.get(f"{served.url}/metrics", timeout=5).text
    for name in ("conduit_charges_waiting", "conduit_charges_lost_total"):
        assert f"{name} 0.0" in text
    assert 'conduit_spool_set_aside_total{kind="damaged_segment"} 0.0' in text


def test_the_files_are_the_owner_s_alone(served: Served) -> None:
    """Mode 0600 for the keys and all that services write, 0700 for the folders."""
    assert stat.S_IMODE((served.data_dir / "keys.toml").stat().st_mode) == 0o600
    assert stat.S_IMODE(served.data_dir.stat().st_mode) == 0o700
    found = [path for path in served.data_dir.rglob("*") if path.is_file()]
    assert {"registry.db", "billing.db", "snapshot.binpb"} <= {path.name for path in found}
    assert [str(path) for path in found if path.stat().st_mode & 0o077] == []


def test_no_secret_is_an_argument(served: Served) -> None:
    """Everybody on the machine can read those."""
    secrets = [str(v) for v in KeyFile(served.data_dir).read().values() if isinstance(v, str)]
    assert len(secrets) == 3
    for pid in [served.process.pid, *served.children().values()]:
        arguments = Path(f"/proc/{pid}/cmdline").read_text("utf-8")
        assert not any(secret in arguments for secret in secrets)


def test_a_second_gateway_on_the_same_data_is_refused(served: Served) -> None:
    """With one line that names the first one's process."""
    second = subprocess.run(  # noqa: S603 # our own command
        [CONDUIT, "serve", "--data-dir", str(served.data_dir)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert second.returncode == 1
    assert str(served.process.pid) in second.stderr
    assert second.stderr.count("\n") == 1


@pytest.mark.parametrize("option", ["--http-port", "--grpc-port"])
def test_a_taken_port_is_named(served: Served, tmp_path: Path, option: str) -> None:
    """With one line that says what to do, and exit code 1."""
    http_port = served.url.rpartition(":")[2]
    found = re.search(r"registry 127\.0\.0\.1:(\d+)", served.output)
    assert found
    taken = http_port if option == "--http-port" else found[1]
    ports = {"--http-port": "0", "--grpc-port": "0", option: taken}
    second = subprocess.run(  # noqa: S603 # our own command
        [
            CONDUIT,
            "serve",
            "--data-dir",
            str(tmp_path),
            *(x for pair in ports.items() for x in pair),
        ],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert second.returncode == 1
    assert f"Port {taken} is taken" in second.stderr
    assert option in second.stderr
    assert second.stderr.count("\n") == 1


def test_a_wrong_key_is_refused(served: Served) -> None:
    """The gateway that answers at once does not answer everybody."""
    with pytest.raises(GatewayError) as caught:
        Gateway(served.url, {"authorization": "Bearer condt_wrong"}, 5).call("GET", "/v1/models")
    assert caught.value.status == 401
