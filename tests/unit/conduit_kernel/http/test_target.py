"""Request targets: a path, a URL or a star."""

import pytest

from conduit_kernel.http.target import TargetError, split_target


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/", "/", ""),
        (b"/a/b?c=d", "/a/b", "c=d"),
        (b"/a?b?c", "/a", "b?c"),
        (b"/a?", "/a", ""),
        (b"/a%2Fb%3F?c%26d", "/a%2Fb%3F", "c%26d"),
        (b"//evil.example/a", "//evil.example/a", ""),
        (b"/http://a", "/http://a", ""),
        (b"http://host/a?b", "/a", "b"),
        (b"HTTPS://user@host:99/a", "/a", ""),
        (b"http://host", "/", ""),
        (b"http://host?a=/b", "/", "a=/b"),
    ],
)
def test_targets_have_a_raw_path_and_a_raw_query(target: bytes, path: str, query: str) -> None:
    """Nothing is decoded; of a URL only what stands behind its host counts."""
    assert split_target(target, "GET") == (path, query)


def test_a_star_is_for_options() -> None:
    """Which asks about the server, not about anything on it."""
    assert split_target(b"*", "OPTIONS") == ("*", "")
    with pytest.raises(TargetError):
        split_target(b"*", "GET")


@pytest.mark.parametrize(
    "target",
    [
        b"/a#b",
        b"/a?b#c",
        b"http://host/#a",
        b"http://host#a",
        b"ftp://host/a",
        b"file:///etc/passwd",
        b"host:443",
        b"a/b",
        b"http:/host",
        b"http:///a",
        b"http://?a",
    ],
)
def test_other_targets_are_refused(target: bytes) -> None:
    """Fragments, other schemes, tunnels, paths without a beginning, and URLs without a host."""
    with pytest.raises(TargetError):
        split_target(target, "GET")
