"""What was charged and what a provider bills, by day and model."""

import io
from datetime import date
from decimal import Decimal

import pytest

from conduit_cli.reconciliation import (
    FORMATS,
    Difference,
    ExportColumns,
    ExportUnreadable,
    Place,
    billed_costs,
    charged_costs,
    common_name,
    differences,
    table,
)

MONDAY, TUESDAY = date(2026, 11, 23), date(2026, 11, 24)
OPENAI = """\
start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,line_item,project_id
1,2,2026-11-23T00:00:00+00:00,2026-11-24T00:00:00+00:00,0.15000000,usd,"gpt-4o-2024-08-06, input",
1,2,2026-11-23T00:00:00+00:00,2026-11-24T00:00:00+00:00,0.05,usd,"gpt-4o-2024-08-06, output",
2,3,2026-11-24T00:00:00+00:00,2026-11-25T00:00:00+00:00,,,,
"""
ANTHROPIC = """\
usage_date_utc,model,workspace,api_key,usage_type,context_window,token_type,cost_usd,cost_type
2026-11-23,Claude Haiku 4.5,Default,key,message,≤ 200k,input_no_cache,0.19,token
2026-11-23,Claude Haiku 4.5,Default,key,message,≤ 200k,output,0.03,token
2026-11-24,Claude Opus 4.5,Default,key,message,≤ 200k,output,-0.01,token
"""


def charge(at: str, model: str, cost: float | None) -> dict[str, object]:
    """Return a charge as it is listed."""
    return {"occurredAt": at, "actualModelName": model, "cost": cost}


@pytest.mark.parametrize(
    ("name", "text", "costs"),
    [
        ("openai", OPENAI, {Place(MONDAY, "gpt-4o"): Decimal("0.2")}),
        (
            "anthropic",
            ANTHROPIC,
            {
                Place(MONDAY, "claude-haiku-4-5"): Decimal("0.22"),
                Place(TUESDAY, "claude-opus-4-5"): Decimal("-0.01"),
            },
        ),
    ],
)
def test_exports_are_added_up_by_day_and_model(
    name: str, text: str, costs: dict[Place, Decimal]
) -> None:
    """Whatever kinds of tokens and line items they have apart; days without a cost are none."""
    assert billed_costs(io.StringIO(text), FORMATS[name]) == costs


def test_columns_of_others_are_named() -> None:
    """Also with semicolons or tabs between them, and seconds for a day."""
    columns = ExportColumns("when", "what", "usd")
    for sign in (";", "\t"):
        text = sign.join(("when", "what", "usd")) + "\n" + sign.join(("1795435200", "m", "$1.5"))
        assert billed_costs(io.StringIO(text), columns) == {Place(MONDAY, "m"): Decimal("1.5")}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "there is no column day, model, usd"),
        ("day,model\n", "there is no column usd"),
        ("day,model,usd\n2026-11-23,m,free\n", "line 2 has no cost, but 'free'"),
        ("day,model,usd\n2026-11-23,m,NaN\n", "line 2 has no cost"),
        ("day,model,usd\n2026-11-23,m,1e99\n", "line 2 has no cost"),
        ("day,model,usd\n2026-11-23,m,1\nMonday,m,1\n", "line 3 has no day, but 'Monday'"),
        ("day,model,usd\n99999999999999999999,m,1\n", "line 2 has no day"),
        ("day,model,usd\n,m,1\n", "line 2 has no day"),
    ],
)
def test_what_makes_no_sense_is_told_by_its_line(text: str, problem: str) -> None:
    """Nothing is left out in silence."""
    with pytest.raises(ExportUnreadable, match=problem):
        billed_costs(io.StringIO(text), ExportColumns("day", "model", "usd"))


def test_other_currencies_are_refused() -> None:
    """Nobody knows the rate."""
    with pytest.raises(ExportUnreadable, match="'eur', not in dollars"):
        billed_costs(io.StringIO(OPENAI.replace("usd", "eur")), FORMATS["openai"])


def test_charges_are_added_up_by_the_day_in_utc() -> None:
    """Those without a price are counted."""
    charges = [
        charge("2026-11-23T23:59:59.9Z", "gpt-4o", 0.1),
        charge("2026-11-24T00:30:00+01:00", "gpt-4o-2024-08-06", 0.2),
        charge("2026-11-24T00:00:00Z", "gpt-4o", 0.3),
        charge("2026-11-24T00:00:00Z", "gpt-4o", None),
    ]
    costs, unpriced = charged_costs(charges)
    gpt = "gpt-4o"
    assert costs == {Place(MONDAY, gpt): Decimal("0.3"), Place(TUESDAY, gpt): Decimal("0.3")}
    assert unpriced == 1


@pytest.mark.parametrize(
    ("names", "common"),
    [
        (("gpt-4o", "gpt-4o-2024-08-06", "gpt-4o-2024-08-06, cached input"), "gpt-4o"),
        (("claude-haiku-4-5-20251001", "Claude Haiku 4.5", "claude-haiku-4-5"), "claude-haiku-4-5"),
        (("GPT-4.1 mini", "gpt-4.1-mini-2025-04-14"), "gpt-4-1-mini"),
        (("", None, " , "), ""),
    ],
)
def test_both_sides_have_one_name_for_a_model(names: tuple[str | None, ...], common: str) -> None:
    """However each of them writes it."""
    assert {common_name(name) for name in names} == {common}


def test_each_day_and_model_of_either_side_is_told() -> None:
    """What only one of them knows as well."""
    both, ours, theirs = Place(MONDAY, "a"), Place(MONDAY, "b"), Place(TUESDAY, "a")
    one, two = Decimal(1), Decimal(2)
    found = differences({both: one, ours: two}, {both: two, theirs: one})
    assert found == [
        Difference(both, one, two),
        Difference(ours, two, Decimal()),
        Difference(theirs, Decimal(), one),
    ]
    assert list(table(found))[-1] == ("total", "", "3.000000", "3.000000", "0.000000")
    assert [each.amount for each in found] == [1, -2, 1]


def test_without_models_days_are_compared() -> None:
    """An export that was not grouped has none."""
    charged = {Place(MONDAY, "a"): Decimal(1), Place(MONDAY, "b"): Decimal(2)}
    found = differences(charged, {Place(MONDAY, ""): Decimal(3)})
    assert found == [Difference(Place(MONDAY, ""), Decimal(3), Decimal(3))]
