"""The commands that make certificates."""

import ssl
from pathlib import Path

from click.testing import CliRunner

from conduit_cli.commands import conduit


def test_the_commands_make_what_servers_take(tmp_path: Path) -> None:
    """The first one says how to serve with it."""
    runner, data = CliRunner(), ["--data-dir", str(tmp_path)]
    made = runner.invoke(conduit, ["certs", "init", *data, "--name", "gateway.example.org"])
    assert made.exit_code == 0, made.output
    assert "--tls-cert" in made.output
    folder = tmp_path / "certs"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server-key.pem")
    made = runner.invoke(conduit, ["certs", "client", *data, "spiffe://example.org/billing"])
    assert made.exit_code == 0, made.output
    assert (folder / "example.org-billing.pem").exists()
    again = runner.invoke(conduit, ["certs", "init", *data])
    assert again.exit_code == 1
    assert "stays as it is" in again.output
