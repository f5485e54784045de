"""The pages of the documentation, as browsers get them."""

import base64
import gzip
import hashlib
from pathlib import Path

import brotli
import pytest
from tests.support.exchanges import Caller, request_of

from conduit_bridge.documentation.pages import Pages, page_guard

PAGE = b"<html><script>begin()</script><style>a{}</style><script src='a.js'></script></html>"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Make a site of two files, one of them deep and compressed beforehand."""
    (tmp_path / "index.html").write_bytes(PAGE)
    script = tmp_path / "assets" / "js" / "a.js"
    script.parent.mkdir(parents=True)
    script.write_bytes(b"run();" * 500)
    Path(f"{script}.gz").write_bytes(gzip.compress(script.read_bytes()))
    Path(f"{script}.br").write_bytes(brotli.compress(script.read_bytes()))
    return tmp_path


async def test_files_are_found_at_any_depth_in_the_form_that_is_taken(site: Path) -> None:
    """Each form says the same, and has a tag of its own by which it is not sent again."""
    asset = Pages(site).asset("assets/js/a.js")
    assert asset is not None
    tags = set()
    unfold = {None: bytes, b"br": brotli.decompress, b"gzip": gzip.decompress}
    for wish in ("", "gzip", "br, gzip"):
        status, fields, body = await asset.answer(request_of(Caller(), accept_encoding=wish))
        named = dict(fields)
        assert (status, unfold[named.get(b"content-encoding")](body)) == (200, b"run();" * 500)
        tags.add(tag := named[b"etag"].decode())
        again = request_of(Caller(), accept_encoding=wish, if_none_match=tag)
        assert (await asset.answer(again))[0] == 304
    assert len(tags) == 3


@pytest.mark.parametrize(
    "path",
    [
        *("../secret.txt", "assets/../../secret.txt", "/etc/passwd", "%2e%2e/secret.txt", ""),
        *("assets", "assets/js/a.js.gz", "index.html/", "INDEX.html", "a\0b"),
    ],
)
def test_nothing_else_is_found(site: Path, path: str) -> None:
    """Neither what lies beside the site, nor folders, nor forms of their own."""
    (site.parent / "secret.txt").write_text("keep out")
    assert Pages(site).asset(path) is None


def test_a_checkout_without_pages_has_none(tmp_path: Path) -> None:
    """Nothing fails where nobody made them."""
    pages = Pages(tmp_path / "site")
    assert not pages.is_made
    assert pages.asset("index.html") is None


def test_what_is_within_a_page_runs_by_its_digest_alone() -> None:
    """Nothing that somebody brings into a page runs, and nobody shows the page in theirs."""
    policy = dict(page_guard(PAGE))[b"content-security-policy"].decode()
    for text in (b"begin()", b"a{}"):
        digest = base64.b64encode(hashlib.sha256(text).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert policy.count("sha256-") == 2
