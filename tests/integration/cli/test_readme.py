"""Every command of README.md, by copy and paste against a gateway that has just started."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.gateways import Served
from tools.readme_trial import README, Place, Snippet, place_of, run, snippets

from conduit_cli.keys import ENCRYPTION, MASTER, VIRTUAL, KeyFile

PASTED = [each for each in snippets(README.read_text("utf-8")) if not each.serves]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Start a gateway that shows its keys, as README has it."""
    with Served(tmp_path_factory.mktemp("gateway") / "data", "--show-keys") as gateway:
        yield gateway


@pytest.fixture(scope="module")
def place(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Return a folder like that of a clone which is served."""
    folder = tmp_path_factory.mktemp("clone")
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / ".conduit").symlink_to(served.data_dir)
    return place_of(served.output, folder)


def test_keys_are_shown_to_who_asks_for_that(served: Served, place: Place) -> None:
    """Once, with the file that keeps them."""
    stored = KeyFile(served.data_dir).read()
    for name in (MASTER, ENCRYPTION, VIRTUAL):
        assert served.output.count(str(stored[name])) == 1
    assert (place.master_key, place.virtual_key) == (stored[MASTER], stored[VIRTUAL])
    assert f"kept in {served.data_dir / 'keys.toml'}, shown only now" in served.output


# In their order: the later ones use what the earlier ones made.
@pytest.mark.parametrize("snippet", PASTED, ids=lambda each: each.code.split("\n")[0][:50])
def test_what_is_pasted_works(place: Place, snippet: Snippet) -> None:
    """As it stands, but for the keys and ports of this gateway."""
    done = run(snippet, place)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    # Of the simulator, whatever speaks to it.
    if "Hello, Conduit!" in snippet.code and "print(" in snippet.code:
        assert done.stdout.strip() == "Hello, Conduit!"


def test_all_of_it_is_pasted() -> None:
    """Whatever a block is called, somebody runs it; what is printed is no block to paste."""
    text = README.read_text("utf-8")
    blocks = re.findall(r"^```(\w*)$", text, re.MULTILINE)[::2]
    assert set(blocks) == {"sh", "python", ""}
    assert len(PASTED) + 1 == len(blocks) - blocks.count("") + text.count("`curl ")
    assert {"curl ", ".venv"} <= {each.code[:5] for each in PASTED}


def test_a_refusal_is_a_failure(place: Place) -> None:
    """Otherwise nothing of this could fail."""
    done = run(Snippet("sh", "curl http://127.0.0.1:8080/v1/models"), place)
    assert done.returncode == 22
    assert "condt_" not in done.stderr


def test_what_is_made_is_there(place: Place) -> None:
    """Sound, and a picture."""
    assert Path(place.folder, "hello.wav").read_bytes().startswith(b"RIFF")
    assert Path(place.folder, "lighthouse.png").read_bytes().startswith(b"\x89PNG")
