"""Every command of the guides, pasted page after page into a gateway that has just started.

The provider guide links a page each on several instances, costs, health, sound and security.
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
PASTED = [
    pytest.param(snippet, id=f"{page}-{number}")
    for page in PAGES
    for number, snippet in enumerate(snippets((DOCS / f"{page}.md").read_text("utf-8")))
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
