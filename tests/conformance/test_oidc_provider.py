"""Logins at `oidc-provider`, unchanged, in its own process; `make oidc` installs it."""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from tests.support.suite import running_suite

from conduit.v1.role_pb2 import ROLE_OPERATOR
from conduit_kernel.oidc_settings import OidcSettings

SCRIPT = Path(__file__).parent / "node" / "oidc_provider.mjs"
MODULES = Path(os.environ.get("CONDUIT_OIDC") or SCRIPT.parents[3] / "build" / "oidc")
PUBLIC_URL = "https://conduit.example"
SECRET = "a secret + / of the client"


@pytest.fixture
def issuer() -> Iterator[str]:
    """Run the provider; return its address."""
    node = shutil.which("node")
    if node is None or not (MODULES / "installed").exists():
        pytest.skip("`make oidc` installs it")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    back = f"{PUBLIC_URL}/api/login/callback"
    process = subprocess.Popen(  # noqa: S603 # of the test's own
        [node, SCRIPT, MODULES.resolve(), port, back, "conduit", SECRET],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.communicate()


async def logged_in(browser: httpx.AsyncClient, url: str, name: str) -> str:
    """Fill the provider's forms in, as somebody does; return where it sends the browser back."""
    answer = await browser.get(url)
    for _ in range(12):
        if answer.is_redirect:
            url = urljoin(str(answer.url), answer.headers["location"])
            if url.startswith(PUBLIC_URL):
                return url
            answer = await browser.get(url)
            continue
        action = re.search(r'<form[^>]*action="([^"]+)"', answer.text)
        prompt = re.search(r'name="prompt" value="([^"]+)"', answer.text)
        assert action, answer.text
        assert prompt, answer.text
        form = {"prompt": prompt[1], "login": name, "password": "any"}
        answer = await browser.post(urljoin(str(answer.url), action[1]), data=form)
    raise AssertionError(f"it went on and on: {answer.text}")


@pytest.mark.parametrize(("name", "status"), [("anna", 200), ("nobody", 403)])
async def test_somebody_logs_in_by_the_providers_own_forms(
    issuer: str, tmp_path: Path, name: str, status: int
) -> None:
    """With its keys, its claims and its rules of codes and clients, PKCE required."""
    settings = OidcSettings(
        issuer=issuer,
        client_id="conduit",
        client_secret=SECRET,
        public_url=PUBLIC_URL,
        roles={"platform": ROLE_OPERATOR},
    )
    async with (
        running_suite(tmp_path, oidc=settings) as suite,
        httpx.AsyncClient(base_url=suite.url, timeout=40) as ours,
        httpx.AsyncClient(timeout=40) as browser,
    ):
        there = await ours.get("/api/login")
        flow = there.headers["set-cookie"].partition(";")[0]
        back = await logged_in(browser, there.headers["location"], name)
        answer = await ours.get(
            f"/api/login/callback?{urlsplit(back).query}", headers={"cookie": flow}
        )
        assert answer.status_code == status, answer.text
        if status != httpx.codes.OK:
            return
        kept = [each.partition(";")[0] for each in answer.headers.get_list("set-cookie")]
        [session] = [each for each in kept if each.startswith("__Host-conduit-session=c")]
        shown = (await ours.get("/api/session", headers={"cookie": session})).json()
        assert (shown["name"], shown["role"]) == (f"{name} {name}@example.com", "Operator")
        listed = await ours.get("/api/providers", headers={"cookie": session})
        assert listed.status_code == httpx.codes.OK
