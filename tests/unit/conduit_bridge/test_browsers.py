"""The parts of browsers' paths, as they are put together."""

import time
from pathlib import Path

import pytest
from tests.support.registry import settings_of

from conduit.v1.role_pb2 import ROLE_VIEWER
from conduit_bridge.browsers import browser_endpoints, login_of
from conduit_bridge.metrics import Metrics
from conduit_kernel.oidc_settings import OidcSettings
from conduit_kernel.rpc import connect
from conduit_kernel.settings import Settings

OIDC = OidcSettings(
    issuer="https://login.example",
    client_id="conduit",
    client_secret="",
    public_url="https://conduit.example",
    roles={"everybody": ROLE_VIEWER},
)


@pytest.mark.parametrize("oidc", [None, OIDC], ids=["alone", "with a login provider"])
async def test_browsers_may_always_log_in_with_a_credential(
    tmp_path: Path, oidc: OidcSettings | None
) -> None:
    """And go to the login provider where there is one."""
    found = settings_of(tmp_path)
    settings = Settings(
        data_dir=tmp_path,
        master_key=found.master_key,
        encryption_key=found.encryption_key,
        oidc=oidc,
    )
    async with connect("127.0.0.1:1") as registry:
        login = login_of(settings, registry, lambda *_: None, clock=time.time, timer=time.monotonic)
        made = browser_endpoints(settings, registry, login, Metrics(), time.time)
        routes = {(each.counts.method, each.counts.route) for each in made}
        if login is not None:
            await login.close()
    assert {("POST", "/api/session"), ("POST", "/api/logout"), ("GET", "/console")} <= routes
    assert (("GET", "/api/login") in routes) == (oidc is not None)
