"""Every command of the guides, pasted page after page into a gateway that has just started.

The provider guide links a page each on several instances, costs, health, sound and security.
What other pages have to paste is run as well, or has a reason in `NOT_PASTED`.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.gateways import Served
from tools.readme_trial import ROOT, Place, Snippet, place_of, run, snippets

DOCS = ROOT / "docs"
# The first makes the instances 2 and 3 that it speaks of.
PAGES = ("multi-instance", "model-costs", "health", "audio", "images")
# Why other pages' cannot be pasted as they stand, by their beginnings.
_INSTALLED = "needs an application of its own; `make clients` runs it"
_OF_LITELLM = (
    "needs a LiteLLM; tests/unit/conduit_cli/test_config_import_commands.py goes through it"
)
_FILES = "needs files of the reader's"
_IDS = "names a thing that the reader has"
NOT_PASTED = {
    "adding-a-provider": {
        "CONDUIT_CATALOG_DIR=": "serves until it is stopped, with a folder of the reader's",
        "pytest tests/wire": "rewrites the wire cases",
    },
    "clients": {
        "export CONDUIT_KEY=": _INSTALLED,
        "import os\n\nfrom langchain_openai": _INSTALLED,
        "import os\n\nfrom llama_index": _INSTALLED,
        "export OPENAI_API_BASE=": _INSTALLED,
        "cn --config": _INSTALLED,
        "export OPENAI_API_BASE_URL=": _INSTALLED,
    },
    "configuration": {
        "conduit config export": "asks before it applies, and watches until it is stopped",
        "conduit config discovered": "exits with 2 where there are new models",
        "conduit config import": _FILES,
    },
    "operating": {
        "export POSTGRES_PASSWORD=": "needs containers",
        "conduit certs init": "serves until it is stopped",
        "curl -X PATCH localhost:8080/api/providers/3": _IDS,
        'curl -X POST "http://127.0.0.1:8080/api/providers/1/keys/key_3': _IDS,
        'curl -X POST "http://127.0.0.1:8080/api/virtual-keys/3': _IDS,
        "conduit prices diff": _FILES,
        "curl -X POST $CONDUIT/api/mcp-servers": "needs an account at the server that it names",
        "client.chat.completions.create": "is a part of a program",
        "export VAULT_ADDR=": "needs a Vault",
        "curl -X POST http://127.0.0.1:8080/api/administrators": "has a token that it leaves open",
        "export CONDUIT_OIDC_ISSUER=": "needs a provider of OpenID Connect",
    },
    "switching-from-litellm": {
        "conduit config import": _OF_LITELLM,
        "conduit config validate": _OF_LITELLM,
        "curl http://127.0.0.1:8080/v1/chat": _OF_LITELLM,
    },
}


def _is_pasted(page: str, snippet: Snippet) -> bool:
    return not any(map(snippet.code.startswith, NOT_PASTED.get(page, ())))


def _snippets(page: str) -> list[Snippet]:
    return snippets((DOCS / f"{page}.md").read_text("utf-8"))


PASTED = [
    pytest.param(snippet, id=f"{page}-{number}")
    for page in (*PAGES, *sorted({path.stem for path in DOCS.glob("*.md")} - set(PAGES)))
    for number, snippet in enumerate(_snippets(page))
    if _is_pasted(page, snippet)
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Serve a gateway, and return a folder like that of a clone which is served."""
    folder = tmp_path_factory.mktemp("clone")
    with Served(tmp_path_factory.mktemp("gateway") / "data", "--show-keys") as gateway:
        (folder / ".venv").symlink_to(sys.prefix)
        (folder / ".conduit").symlink_to(gateway.data_dir)
        yield place_of(gateway.output, folder)


# In their order: the later ones use what the earlier ones made.
@pytest.mark.parametrize("snippet", PASTED)
def test_what_a_guide_has_to_paste_works(place: Place, snippet: Snippet) -> None:
    """As it stands, but for the keys and ports of this gateway."""
    done = run(snippet, place)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    if "realtime.connect" in snippet.code:
        assert done.stdout.strip() == "Hello, Conduit!"


def test_what_is_not_pasted_is_there() -> None:
    """Once each; whatever else a page has to paste is run."""
    for page, reasons in NOT_PASTED.items():
        left = [snippet for snippet in _snippets(page) if not _is_pasted(page, snippet)]
        assert len(left) == len(reasons), page
        for start in reasons:
            assert sum(each.code.startswith(start) for each in left) == 1, (page, start)


def test_the_results_are_what_the_guides_say(place: Place) -> None:
    """Sound, and a picture; who served the shared alias; and what a call cost."""
    assert Path(place.folder, "fox.wav").read_bytes().startswith(b"RIFF")
    assert Path(place.folder, "lighthouse.png").read_bytes().startswith(b"\x89PNG")
    ask = "curl -i http://127.0.0.1:8080/v1/chat/completions -H 'Authorization: Bearer condt_...' "
    ask += """-d '{"model": "%s", "messages": [{"role": "user", "content": "x"}]}'"""
    shared = run(Snippet("sh", ask % "shared"), place).stdout
    assert "x-conduit-provider: Production" in shared
    assert "x-conduit-cost: 0.0000" in run(Snippet("sh", ask % "echo"), place).stdout


def test_a_format_that_is_lacking_reads_as_in_the_guide(place: Place) -> None:
    """Word for word, but for what follows."""
    code = """curl http://127.0.0.1:8080/v1/audio/speech -H "Authorization: Bearer condt_..." \
      -d '{"model": "echo", "voice": "alloy", "input": "x", "response_format": "flac"}'"""
    said = run(Snippet("sh", code), place)
    assert said.returncode == 22
    assert '"message":"Simulator has no flac; it has pcm, wav"' in said.stdout
    assert "Simulator has no flac; it has pcm, wav" in (DOCS / "audio.md").read_text("utf-8")


def test_every_guide_is_linked_and_links_to_what_there_is() -> None:
    """From README, which names security as well; by file and by heading."""
    readme = (ROOT / "README.md").read_text("utf-8")
    for page in (*PAGES, "security"):
        assert f"(docs/{page}.md)" in readme
        text = (DOCS / f"{page}.md").read_text("utf-8")
        for name, anchor in re.findall(r"\]\(([\w-]+\.md)?(?:#([\w-]+))?\)", text):
            linked = (DOCS / name).read_text("utf-8") if name else text
            heads = {_anchor(head) for head in re.findall(r"^#+ (.+)$", linked, re.MULTILINE)}
            assert not anchor or anchor in heads, (page, name, anchor)


def _anchor(heading: str) -> str:
    """Return a heading's anchor, as GitHub makes it."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
