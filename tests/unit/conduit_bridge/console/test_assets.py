"""The files of the console, as browsers get them."""

import gzip
import re
from collections.abc import Mapping
from pathlib import Path

import brotli
import pytest
from tests.support.exchanges import Caller, request_of
from tools.console import MARK, mark

from conduit_bridge.console.assets import Asset, folder
from conduit_kernel.http import Answer

FOLDER = Path(str(folder()))


async def answer(name: str, **fields: str) -> Answer:
    """Return what a browser is answered for a file."""
    return await Asset(FOLDER / name, FOLDER).answer(request_of(Caller(), **fields))


@pytest.mark.parametrize(
    "name", ["app.js", "app.css", "index.html", "icon.svg", "theme.js", "microphone.js"]
)
async def test_each_form_of_a_file_says_the_same(name: str) -> None:
    """Those that were compressed beforehand are what the file is, each with a tag of its own."""
    body = (FOLDER / name).read_bytes()
    tags = set()
    unfold = {None: bytes, b"br": brotli.decompress, b"gzip": gzip.decompress}
    for wish in ("", "gzip", "br, gzip"):
        status, fields, sent = await answer(name, accept_encoding=wish)
        named = dict(fields)
        assert (status, unfold[named.get(b"content-encoding")](sent)) == (200, body)
        tags.add(named[b"etag"])
        unchanged = await answer(name, accept_encoding=wish, if_none_match=named[b"etag"].decode())
        assert (unchanged[0], unchanged[2]) == (304, b"")
    assert len(tags) == (3 if name in {"app.js", "app.css"} else 1)


async def test_brotli_goes_before_gzip_and_is_for_who_takes_it() -> None:
    """A quality of nought refuses it."""
    wishes: Mapping[str, bytes | None] = {
        "gzip, br": b"br",
        "gzip, br;q=0": b"gzip",
        "*": b"br",
        "identity": None,
    }
    for wish, coding in wishes.items():
        assert dict((await answer("app.js", accept_encoding=wish))[1]).get(b"content-encoding") == (
            coding
        )


async def test_pages_take_nothing_from_others_and_run_nothing_of_their_own() -> None:
    """No script, style or picture that is not a file of ours; nobody shows the page in theirs."""
    status, fields, page = await answer("index.html")
    policy = dict(fields)[b"content-security-policy"].decode()
    assert status == 200
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert re.findall(rb"<script(?![^>]* src=)|<style| style=| on\w+=", page) == []
    sources = re.findall(rb'(?:src|href)="([^"]+)"', page)
    assert sources
    assert all(each.startswith(b"/console/") for each in sources)
    for name in ("app.js", "app.css"):
        text = (FOLDER / name).read_text()
        found = set(re.findall(r"https?://[\w./-]+", text))
        # Names of dialects of XML, which nobody fetches.
        assert {each for each in found if not each.startswith("http://www.w3.org/")} == set()


def test_the_first_view_is_small() -> None:
    """Under 200 KB, as browsers get it."""
    sizes = [
        min(each.stat().st_size for each in FOLDER.glob(f"{name}*"))
        for name in ("app.js", "app.css", "index.html", "icon.svg", "theme.js")
    ]
    assert sum(sizes) < 200_000


def test_the_console_was_made_of_its_sources() -> None:
    """Whoever changes `console/` makes it anew; `make console-test` compares the very bytes."""
    assert (FOLDER / MARK).read_text() == mark(), "run `make console`"
