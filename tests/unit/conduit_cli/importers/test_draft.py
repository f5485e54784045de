"""A configuration file in the making."""

from conduit_cli.importers.draft import Draft, Instance, seconds, unique


def test_an_alias_has_one_model_of_an_instance() -> None:
    """A second one takes another instance of the same account; the same one again takes none."""
    draft, openai = Draft(), Instance("OpenAI", api_key="env:A")
    for alias, model in (("a", "x"), ("a", "y"), ("a", "x"), ("b", "z"), ("a", "y")):
        draft.serve(alias, openai, model)
    assert [(m["modelAlias"], m["provider"], m["actualModelName"]) for m in draft.mappings] == [
        ("a", "OpenAI", "x"),
        ("a", "OpenAI 2", "y"),
        ("b", "OpenAI", "z"),
    ]
    assert draft.serve("a", Instance("OpenAI", api_key="env:B"), "x")["provider"] == "OpenAI 3"


def test_sections_without_things_are_not_there() -> None:
    """So that applying the file touches nothing of them."""
    assert Draft().document() == {"version": 1}


def test_names_are_each_their_own() -> None:
    """Without regard to case, and of a bounded length."""
    taken = set[str]()
    assert [unique(name, taken) for name in ("a", "A", " a  b ", "", "")] == [
        *("a", "A 2", "a b", "unnamed", "unnamed 2"),
    ]
    assert len(unique("x" * 500, taken)) == 190
    assert unique("a\x00b\n\x1b[31mc\u2028", taken) == "a b [31mc"


def test_times_are_bounded() -> None:
    """What is none, is none."""
    assert [seconds(each) for each in (5, 0.5, "2", 6000, 0, -1, None, "soon")] == [
        *("5s", "0.5s", "2s", "600s"),
        *(None, None, None, None),
    ]
