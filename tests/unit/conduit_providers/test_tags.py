"""What calls belong to."""

import pytest

from conduit_providers.tags import MAX_TAG_CHARS, MAX_TAGS, tags_of, unique


@pytest.mark.parametrize(
    ("user", "metadata", "tags"),
    [
        (b"", b"", ()),
        (b'"anna"', b"", ("user=anna",)),
        (b"null", b"null", ()),
        (b'""', b"{}", ()),
        (b"7", b'"x"', ()),
        (
            b"",
            b'{"team":"search","build":7,"is":true,"at":null,"of":[1]}',
            ("team=search", "build=7"),
        ),
        # What no reader takes.
        (b"1e999", b'{"a":1e999,"b":"c"}', ()),
        (b'"\\ud800"', b'{"a":' * 300 + b"1" + b"}" * 300, ()),
        (b'"a\\nb\\u0000"', b'{"x\\ty":"z"}', ("user=a b", "x y=z")),
    ],
)
def test_user_and_metadata_are_tags(user: bytes, metadata: bytes, tags: tuple[str, ...]) -> None:
    """What is no text and no number is passed over, and control characters are blanks."""
    assert tags_of(user, metadata) == tags


def test_tags_are_bounded_in_number_and_length() -> None:
    """Whatever callers send."""
    many = tags_of(b'"%b"' % (b"u" * 999), b"{%b}" % b",".join(b'"k%d":"v"' % n for n in range(99)))
    assert len(many) == MAX_TAGS
    assert max(map(len, many)) == MAX_TAG_CHARS
    assert tags_of(b'"%b"' % (b"u" * 99_999), b'{"a":"%b"}' % (b"u" * 99_999)) == ()
    assert unique(["a", " a ", "", "b"]) == ("a", "b")
