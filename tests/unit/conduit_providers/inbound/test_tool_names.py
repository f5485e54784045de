"""Names of tools that are too long for chats."""

from conduit_providers.inbound.tool_names import MAX_NAME, ToolNames, cut


def test_long_names_are_cut_and_come_back() -> None:
    """Anthropic takes 128 characters, OpenAI 64; two that begin alike stay two."""
    long, other = "a" * 100, "a" * 99 + "b"
    names = ToolNames([long, other, "short"])
    assert len(cut(long)) == MAX_NAME
    assert cut(long) != cut(other)
    assert [names.given(cut(each)) for each in (long, other, "short")] == [long, other, "short"]
    assert names.given("made up") == "made up"
