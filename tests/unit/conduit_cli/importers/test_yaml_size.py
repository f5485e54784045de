"""Files of YAML that stand for more than they have."""

import pytest
import yaml

from conduit_cli.importers.yaml_size import MAX_DEPTH, TooMuch, check_size


def _bomb(line: str) -> str:
    lines = ["a0: &a0 {k: v}"]
    lines += [line.format(new=n + 1, old=n) for n in range(40)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (_bomb("a{new}: &a{new} [*a{old}, *a{old}]"), "aliases stand for more"),
        (_bomb("a{new}: &a{new} {{<<: [*a{old}, *a{old}]}}"), "aliases stand for more"),
        ("a: &a [*a]", "not whole"),
        ("a: &a {b: *a}", "not whole"),
        ("[" * (MAX_DEPTH + 1), "nested deeper"),
        ("- " * (MAX_DEPTH + 1) + "a", "nested deeper"),
    ],
)
@pytest.mark.parametrize("loader", [yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)])
def test_a_file_that_stands_for_too_much_is_refused(text: str, why: str, loader: object) -> None:
    """Before anything is made of it."""
    with pytest.raises(TooMuch, match=why):
        check_size(text, loader)


def test_aliases_as_files_have_them_are_taken() -> None:
    """Again and again, also an anchor that is given twice."""
    text = "a: &a {k: [1, 2]}\n" + "\n".join(f"b{n}: {{<<: *a, n: {n}}}" for n in range(100))
    check_size(f"{text}\nc: &a 1\nd: *a", yaml.SafeLoader)
