"""Clients of others' making, unchanged, at a whole gateway; `make clients` installs and runs them.

What is asked of libraries, with every dialect behind Conduit, stands in `clients`; docs/clients.md
has what their users write, and what is written there is run.
"""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest
import pytest_asyncio
from tests.conformance.test_claude_code import SECRET, Provider, running
from tests.support.recorded_dialects import (
    CASES,
    KINDS,
    Heard,
    RecordedProviders,
    add_kinds,
    arranged,
    case_name,
    recorded,
    recorded_providers,
)
from tests.support.suite import Suite
from tests.support.wire_cases import case_named

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif("CONDUIT_CLIENTS" not in os.environ, reason="`make clients` runs it"),
]

FOLDER = Path(os.environ.get("CONDUIT_CLIENTS", "")).absolute()
PYTHON = FOLDER / "python" / "bin" / "python"
MODULES = FOLDER / "node" / "node_modules"
SCRIPTS = Path(__file__).parent / "clients"
PAGE = Path(__file__).parents[2] / "docs" / "clients.md"
SECONDS = 120.0
# To Azure requests of Responses pass as they are, so that a chat's answer is none.
ASKED = [kind for kind in KINDS if kind != "AzureOpenAI"]


class Client(NamedTuple):
    """A library, by the script that uses it."""

    script: str
    # How many times it asks for each case: by its routes, whole and streamed.
    times: int
    # Routes of whose answers it reads no thoughts.
    thoughtless: frozenset[str] = frozenset()
    # Whether it goes on from calls of tools.
    goes_on: bool = True
    # Routes on which it reads the first call alone of a piece of a stream; Mistral sends several.
    first_alone: frozenset[str] = frozenset()


CLIENTS = [
    Client("openai_node.mjs", 4, goes_on=False),
    Client("ai_sdk.mjs", 12, frozenset({"openai.chat"})),
    Client("langchain_js.mjs", 6, frozenset({"chat", "responses", "stateless"})),
    Client("librechat.mjs", 1),
    Client("langchain_chats.py", 10, frozenset({"chat"})),
    Client("llama_index_chats.py", 4, first_alone=frozenset({"chat"})),
]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def providers(suite: Suite) -> AsyncIterator[RecordedProviders]:
    """Map aliases to providers of all kinds."""
    with recorded_providers() as started:
        await add_kinds(suite, started.address)
        yield started


async def run(*command: str, home: Path, **environment: str) -> str:
    """Run a program with a home of its own; return what it says. AssertionError if it fails."""
    places = [str(MODULES / ".bin"), str(PYTHON.parent), str(FOLDER / "aider" / "bin")]
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=home,
        env={"HOME": str(home), "PATH": ":".join([*places, os.environ["PATH"]]), **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(SECONDS):
            said, problems = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, problems.decode() + said.decode()
    return said.decode()


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.script)
async def test_client_reads_what_was_recorded(
    suite: Suite, providers: RecordedProviders, tmp_path: Path, client: Client
) -> None:
    """Of every dialect, whole and streamed: words, thoughts, calls; and the answer to a result."""
    assert providers.address
    asked = (str(SCRIPTS / client.script), suite.url, suite.virtual_key, *ASKED)
    if client.script.endswith(".py"):
        said = await run(str(PYTHON), *asked, home=tmp_path)
    else:
        script, *others = asked
        said = await run("node", script, str(MODULES), *others, home=tmp_path)
    lines = said.splitlines()
    assert len(lines) == client.times * len(ASKED) * len(CASES)
    for line in lines:
        route, kind, case, is_stream, text, thoughts, calls, again = orjson.loads(line)
        got = Heard(text, thoughts, tuple((name, arranged(given)) for name, given in calls))
        expected = recorded(kind, case, is_stream=is_stream)
        if route in client.thoughtless:
            expected = expected._replace(thoughts="")
        if route in client.first_alone and (kind, is_stream) == ("Mistral", True):
            expected = expected._replace(calls=expected.calls[:1])
        assert got == expected, line
        if calls and client.goes_on:
            assert again == recorded(kind, "plain", is_stream=is_stream).text, line


def blocks(section: str) -> list[tuple[str, str]]:
    """Return the languages and texts of the blocks below a heading of the page."""
    _, _, rest = PAGE.read_text(encoding="utf-8").partition(f"\n## {section}\n")
    assert rest, section
    part = rest.partition("\n## ")[0]
    return re.findall(r"^```(\w+)\n(.*?)^```$", part, re.MULTILINE | re.DOTALL)


def of_language(section: str, language: str, suite: Suite) -> str:
    """Return the page's block in a language, with the address of the gateway that runs."""
    [found] = [text for name, text in blocks(section) if name == language]
    return found.replace("http://127.0.0.1:8080", suite.url)


async def map_house(suite: Suite, alias: str, base_url: str, kind: str, model: str) -> None:
    """Map an alias to a provider."""
    fields = {"name": f"{alias} {base_url}", "providerType": kind, "baseUrl": base_url}
    made = await suite.call("POST", "/api/providers", fields)
    await suite.call("POST", f"/api/providers/{made['id']}/keys", {"apiKey": "any"})
    mapping = {"modelAlias": alias, "providerId": made["id"], "actualModelName": model}
    await suite.call("POST", "/api/model-provider-mappings", mapping)
    await suite.settled()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def house(suite: Suite, providers: RecordedProviders) -> str:
    """Map the page's alias to a provider; return what it answers."""
    model = case_named(case_name("Cohere", "plain")).model
    await map_house(suite, "house", f"{providers.address}/Cohere", "Cohere", model)
    return recorded("Cohere", "plain", is_stream=False).text


@pytest.mark.parametrize("section", ["LangChain for Python", "LlamaIndex"])
async def test_python_of_the_page_runs(
    suite: Suite, house: str, tmp_path: Path, section: str
) -> None:
    """As it stands there, and prints the answer."""
    program = of_language(section, "python", suite)
    said = await run(str(PYTHON), "-c", program, home=tmp_path, CONDUIT_KEY=suite.virtual_key)
    assert house in said


@pytest.mark.parametrize("section", ["LangChain for JavaScript", "Vercel AI SDK"])
async def test_javascript_of_the_page_runs(
    suite: Suite, house: str, tmp_path: Path, section: str
) -> None:
    """As it stands there, and prints the answer."""
    (tmp_path / "node_modules").symlink_to(MODULES)
    (tmp_path / "page.mjs").write_text(of_language(section, "js", suite))
    said = await run("node", "page.mjs", home=tmp_path, CONDUIT_KEY=suite.virtual_key)
    assert house in said


class Editor(Provider):
    """Writes a file anew, as it is asked to."""

    def _said(self, body: dict[str, Any]) -> str:
        del body
        return "Here it is.\n\nnote.py\n```\nprint('changed')\n```\n"


async def test_aider_changes_a_file(suite: Suite, tmp_path: Path) -> None:
    """By the page's command."""
    if not (FOLDER / "aider" / "bin" / "aider").exists():
        pytest.skip("It is for Python before 3.13")
    note = tmp_path / "note.py"
    note.write_text("print('as it was')\n")
    with running(Editor(note, is_anthropic=False)) as upstream:
        await map_house(
            suite,
            "editor",
            f"http://127.0.0.1:{upstream.server_port}",
            "OpenAICompatible",
            "actual",
        )
        program = of_language("aider", "sh", suite).replace("house", "editor")
        await run(
            *("sh", "-euc", program),
            home=tmp_path,
            CONDUIT_KEY=suite.virtual_key,
            AIDER_ANALYTICS_DISABLE="true",
            AIDER_CHECK_UPDATE="false",
            AIDER_GIT="false",
        )
    assert note.read_text() == "print('changed')\n"
    assert upstream.asked[-1][1]["model"] == "actual"


async def test_continue_reads_a_file(suite: Suite, tmp_path: Path) -> None:
    """By the page's configuration: it streams, calls its tool, and prints the answer."""
    note = tmp_path / "note.txt"
    note.write_text(SECRET)
    with running(Provider(note, is_anthropic=False, argument="filepath")) as upstream:
        address = f"http://127.0.0.1:{upstream.server_port}"
        await map_house(suite, "reader", address, "OpenAICompatible", "actual")
        configuration = of_language("Continue", "yaml", suite).replace("house", "reader")
        (tmp_path / "conduit.yaml").write_text(
            configuration.replace("condt_...", suite.virtual_key)
        )
        program = of_language("Continue", "sh", suite)
        said = await run(
            "sh",
            "-euc",
            program,
            home=tmp_path,
            CONTINUE_TELEMETRY_ENABLED="0",
            CONTINUE_CLI_AUTO_UPDATED="1",
        )
    assert f"It says {SECRET}." in said
    assert len(upstream.asked) == 2


async def test_open_webui_finds_models_and_streams(suite: Suite, house: str) -> None:
    """Its requests, as `open_webui/routers/{openai,tasks}.py` of the wheel 0.12.4 make them."""
    async with suite.caller() as caller:
        listed = (await caller.get("/v1/models")).json()
        assert "house" in {model["id"] for model in listed["data"]}
        turns = [{"role": "user", "content": "Hello"}]
        asked = {"model": "house", "messages": turns, "stream": True}
        asked["stream_options"] = {"include_usage": True}
        answer = await caller.post("/v1/chat/completions", json=asked)
        # It takes for a stream what says so.
        assert "text/event-stream" in answer.headers["content-type"]
        *events, end = [line[6:] for line in answer.text.splitlines() if line]
        chunks = [orjson.loads(event) for event in events]
        assert end == "[DONE]"
        deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
        assert "".join(delta.get("content") or "" for delta in deltas) == house
        assert chunks[-1]["usage"]["total_tokens"] > 0
        title = {
            "model": "house",
            "messages": turns,
            "stream": False,
            "max_completion_tokens": 1000,
        }
        titled = (await caller.post("/v1/chat/completions", json=title)).json()
        assert titled["choices"][0]["message"]["content"] == house
