"""Members are found wherever they count, and nowhere else."""

import pytest

from conduit_providers.member_scanner import DeepMemberScanner, MemberScanner

TOP = MemberScanner({"seed", "top-k"})
DEEP = DeepMemberScanner({"name"})


@pytest.mark.parametrize(
    ("body", "is_found"),
    [
        (b'{"seed": 1}', True),
        (b'{"a": [], "top-k" : null}', True),
        (b'{"\\u0073eed": 1}', True),
        (b'{"a": {"seed": 1}}', False),
        (b'{"a": "\\"seed\\": 1"}', False),
        (b"{}", False),
        # Who reads it whole will say what is wrong.
        (b"[1]", True),
        (b'{"seed"', True),
    ],
)
def test_members_of_the_object_itself(body: bytes, is_found: bool) -> None:  # noqa: FBT001 # pytest gives it by name
    """Not those of objects inside, and not what texts say."""
    assert TOP.finds(body) is is_found


@pytest.mark.parametrize(
    ("body", "is_found"),
    [
        (b'{"messages": [{"name": "Ada"}]}', True),
        (b'{"messages": [{"content": "name"}]}', False),
        (b'{"messages": ["name", {"role": "user"}]}', False),
    ],
)
def test_members_at_any_depth(body: bytes, is_found: bool) -> None:  # noqa: FBT001 # the same
    """Names of members, not values."""
    assert DEEP.finds(body) is is_found
