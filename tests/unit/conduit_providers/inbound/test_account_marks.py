"""Marks on what one account of a provider sealed."""

import orjson

from conduit_providers.inbound.account_marks import account_in, account_of, marked

ONE, TWO = "0123456789ab", "ba9876543210"


def test_what_is_sealed_says_whose_it_is() -> None:
    """All of it, once; texts that look alike are no members."""
    text = '{"encrypted_content":"gAAA"}'
    told = {
        "output": [
            {"type": "reasoning", "encrypted_content": "gAAA=="},
            {"type": "reasoning", "encrypted_content": ""},
            {"type": "reasoning", "encrypted_content": None},
            {"type": "reasoning", "encrypted_content": "conduit.e30="},
            {"type": "message", "content": [{"text": text}]},
        ]
    }
    json = marked(orjson.dumps(told), ONE)
    found = [each.get("encrypted_content") for each in orjson.loads(json)["output"]]
    assert found == [f"conduit@{ONE}.gAAA==", "", None, "conduit.e30=", None]
    assert orjson.loads(json)["output"][-1] == told["output"][-1]
    assert marked(json, TWO) == json
    assert account_in(json) == ONE
    assert account_of(found[0]) == (ONE, "gAAA==")


def test_what_was_not_sealed_passes_as_it_is() -> None:
    """The same bytes, and without an account all others as well."""
    plain = b'{"output": [], "text": "encrypted_content"}'
    assert marked(plain, ONE) is plain
    sealed = b'{"encrypted_content": "gAAA"}'
    assert marked(sealed, "") is sealed


def test_the_last_mark_tells_where_a_call_belongs() -> None:
    """What looks like one is none."""
    body = b'{"a":"conduit@%b.x","b":"conduit@%b.y"}' % (ONE.encode(), TWO.encode())
    assert account_in(body) == TWO
    for odd in (b"", b'{"a":"conduit@"}', b'{"a":"conduit@xyz.1"}', b"conduit@0123456789ab."):
        assert account_in(odd) == ""
    for value in (
        None,
        1,
        "",
        "gAAA",
        "conduit.e30=",
        "conduit@0123.x",
        "x conduit@0123456789ab.y",
    ):
        assert account_of(value) == ("", "")
