"""A gateway whose encryption key an external service has wrapped."""

import os
import signal
from pathlib import Path

import pytest
from tests.support.gateways import Served, environment, wait_for
from tests.support.vault_service import TOKEN, vault_service

from conduit_cli.gateway import GatewayError
from conduit_cli.key_services.wrapping import references
from conduit_cli.keys import ENCRYPTION, KeyFile

pytestmark = pytest.mark.slow

HELLO = [{"role": "user", "content": "hello"}]


def answers(served: Served) -> bool:
    """Return whether a chat is answered, whose provider's key was opened."""
    try:
        body = {"model": "echo", "messages": HELLO}
        return bool(served.caller().call("POST", "/v1/chat/completions", body)["choices"])
    except (GatewayError, OSError):
        return False


def test_processes_go_on_and_begin_anew_while_the_key_service_is_away(tmp_path: Path) -> None:
    """The key is asked for once; its token is in no process that speaks to providers."""
    with vault_service() as service:
        name = "vault:transit/conduit"
        env = service.environment | references(name, KeyFile(tmp_path), service.environment)
        asked = len(service.asked)
        served = Served(tmp_path, **env)
        assert len(service.asked) == asked + 1
    with served:
        assert answers(served)
        assert ENCRYPTION not in KeyFile(tmp_path).read()
        for module in ("conduit_cli.worker", "conduit_cli.control"):
            before = served.children()[module]
            shown = Path(f"/proc/{before}/environ").read_bytes()
            assert TOKEN.encode() not in shown
            os.kill(before, signal.SIGKILL)
            wait_for(lambda m=module, b=before: served.children().get(m) not in {None, b}, 30)  # type: ignore[misc] # of a loop
            wait_for(lambda: answers(served), 30)
    with pytest.raises(AssertionError, match="cannot be reached"):
        Served(tmp_path, **env)
    assert "CONDUIT_ENCRYPTION_KEY" not in environment()
