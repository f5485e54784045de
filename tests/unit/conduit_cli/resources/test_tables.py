"""Tables fit their terminal, and nobody's name steers it."""

import click
import pytest

from conduit_cli.resources.tables import LEAST_WIDTH, record, shown, table, width_of


def plain(lines: object) -> list[str]:
    """Return lines without their colours."""
    return [click.unstyle(line) for line in lines]  # type: ignore[attr-defined] # an iterable


def test_columns_stand_below_each_other() -> None:
    """Those that nobody fills are left out; heads are words."""
    rows: list[dict[str, object]] = [
        {"id": 1, "isEnabled": True, "note": ""},
        {"id": 23, "isEnabled": False},
    ]
    assert plain(table(rows, ["id", "isEnabled", "note", "balance.usedUsd"])) == [
        "ID  is enabled",
        "1   yes",
        "23  no",
    ]


def test_members_of_members_are_columns_too() -> None:
    """By their path."""
    assert plain(table([{"balance": {"usedUsd": 0.5}}], ["balance.usedUsd"])) == ["used usd", "0.5"]


@pytest.mark.parametrize("width", [10, 20, 40, 80])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    """The widest columns are cut first, and say so; wide signs count twice."""
    rows = [{"a": "x" * 100, "b": "\N{CJK UNIFIED IDEOGRAPH-4E00}" * 50, "c": "short"}]
    lines = plain(table(rows, ["a", "b", "c"], width=width))
    least = 3 * LEAST_WIDTH + 4
    assert max(map(width_of, lines)) <= max(width, least)
    assert "\N{HORIZONTAL ELLIPSIS}" in lines[1]


@pytest.mark.parametrize("name", ["\x1b[2Jgone", "a\nb", "a\rb", "\u202eabc", "\x07", "\x9b31m"])
def test_nobodys_name_steers_a_terminal(name: str) -> None:
    """Nor begins a line of its own; what is left of it can be read."""
    for line in (*plain(table([{"n": name, "m": "x"}], ["n", "m"])), *plain(record({"n": name}))):
        assert line.isprintable()


def test_ids_are_never_cut() -> None:
    """Whoever reads one types it into the next command; a time is told to the second."""
    name, at = "req_" + "0" * 26, "2026-11-30T23:32:32.123456Z"
    row = {"at": at, "id": name, "note": "x" * 90}
    lines = plain(table([row], ["at", "id", "note"], width=90))
    assert name in lines[1]
    assert lines[1].startswith("2026-11-30 23:32:32  ")
    assert max(map(width_of, lines)) <= 90


def test_things_inside_of_others_are_told_by_their_names() -> None:
    """Or by what there is to say of them."""
    assert (
        shown([{"operation": "chat", "isStreamed": True}, {"operation": "embed"}]) == "chat, embed"
    )
    assert shown([{"limitUsd": 5.0, "period": "Day", "tags": []}]) == "limitUsd=5 period=Day"
    assert shown({}) == shown([]) == shown(None) == ""


def test_dollars_are_called_dollars() -> None:
    """Though the member is named after what the contract has."""
    assert plain(table([{"costNanoUsd": 0.5}], ["costNanoUsd"])) == ["cost usd", "0.5"]


def test_numbers_are_written_whole() -> None:
    """Without exponents, and as small as money gets."""
    assert [shown(each) for each in (0.000000001, 1e-7, 1234.5, 0, 7, 0.0)] == [
        *("0.000000001", "0.0000001", "1,234.5", "0", "7", "0"),
    ]


def test_one_thing_is_shown_member_by_member() -> None:
    """Lists of things below each other, empty members not at all."""
    value = {
        "id": "r1",
        "code": "",
        "attempts": [{"keyId": "key_1", "isSent": True}, {"keyId": "key_2"}],
        "balance": {"usedUsd": 1.5},
        "tags": ["a", "b"],
        "none": None,
    }
    assert plain(record(value)) == [
        *("ID: r1", "attempts:", "  - key ID: key_1", "    is sent: yes", "  - key ID: key_2"),
        *("balance:", "  used usd: 1.5", "tags: a, b"),
    ]
