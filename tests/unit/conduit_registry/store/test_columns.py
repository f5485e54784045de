"""Plain values kept as JSON."""

import pytest
from sqlalchemy.dialects import sqlite
from sqlalchemy.types import TypeDecorator

from conduit_registry.store.columns import NumberList, RetryPolicyList, TextList, TimeoutsColumn
from conduit_registry.values import RetryPolicy, Timeouts

DIALECT = sqlite.dialect()


@pytest.mark.parametrize(
    ("column", "value", "kept"),
    [
        (TextList(), ("b", "a"), ["b", "a"]),
        (TextList(), (), []),
        (NumberList(), (2, 1), [2, 1]),
        (TimeoutsColumn(), Timeouts(), {}),
        (TimeoutsColumn(), Timeouts(first_token=0, total=5), {"first_token": 0, "total": 5}),
        (
            RetryPolicyList(),
            (RetryPolicy(2, attempts=1), RetryPolicy(1, max_wait=7)),
            [{"failure": 2, "attempts": 1}, {"failure": 1, "max_wait": 7}],
        ),
    ],
)
def test_a_value_reads_as_it_was_kept(
    column: TypeDecorator[object], value: object, kept: object
) -> None:
    """In its order, without what is unset; zero is set."""
    assert column.process_bind_param(value, DIALECT) == kept
    assert column.process_result_value(kept, DIALECT) == value


@pytest.mark.parametrize("column", [TextList(), NumberList(), RetryPolicyList(), TimeoutsColumn()])
def test_nothing_stays_nothing(column: TypeDecorator[object]) -> None:
    """It is not what is empty."""
    assert column.process_bind_param(None, DIALECT) is None
    assert column.process_result_value(None, DIALECT) is None


def test_what_is_kept_and_known_no_more_is_no_value() -> None:
    """A database of a newer version is not opened; a member that nobody knows is never dropped."""
    with pytest.raises(TypeError):
        TimeoutsColumn().process_result_value({"first_byte": 1}, DIALECT)
