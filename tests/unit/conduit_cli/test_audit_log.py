"""The audit log of a gateway, as a command sees it."""

import json
from pathlib import Path

import pytest
from tests.support.gateway_answers import answering

from conduit_cli.audit_log import Mark, NoCredential, find_gateway, lines, mark_of, problem_of


def test_a_token_and_the_master_key_are_shown_each_in_its_place(tmp_path: Path) -> None:
    """What is given goes before the environment, and that before the data directory."""
    env = {"CONDUIT_MASTER_KEY": "from-the-environment"}
    for key, headers in (
        ("condt_admin_x", {"authorization": "Bearer condt_admin_x"}),
        ("master", {"x-master-key": "master"}),
        (None, {"x-master-key": "from-the-environment"}),
    ):
        assert find_gateway(None, key, tmp_path, env)._headers == headers  # noqa: SLF001 # sent only
    with pytest.raises(NoCredential, match="auditor's token"):
        find_gateway(None, None, tmp_path, {})


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"entries": 3}'])
def test_what_is_no_log_has_no_lines(body: bytes) -> None:
    """And is no whole one either."""
    with answering(200, body) as gateway:
        with pytest.raises(ValueError, match="no log"):
            list(lines(gateway, {}))
        with pytest.raises(ValueError, match="no finding"):
            problem_of(gateway, None)


def test_the_newest_line_of_an_export_is_its_mark(tmp_path: Path) -> None:
    """In whatever order they stand; lines from before the chain are none."""
    file = tmp_path / "log.jsonl"
    found = [
        {"revision": 2, "hash": "b"},
        {"revision": 3, "hash": "c"},
        {"revision": 9, "hash": ""},
    ]
    file.write_text("\n".join(map(json.dumps, found)))
    assert mark_of(file) == Mark(3, "c")
    file.write_text("")
    with pytest.raises(ValueError, match="no line"):
        mark_of(file)


@pytest.mark.parametrize(
    ("mark", "problem"),
    [
        (None, ""),
        (Mark(2, "b"), ""),
        (Mark(3, "c"), ""),
        (Mark(2, "x"), "Revision 2 is another line than the one that it had once"),
        (Mark(1, "a"), "Revision 1, which it had once, is not in the log any more"),
        (Mark(4, "d"), "The log ends before revision 4, which it had once"),
    ],
)
def test_a_log_is_held_to_what_it_once_had(mark: Mark | None, problem: str) -> None:
    """An older database that was put back is whole in itself."""
    answer = {
        "isWhole": True,
        "lastRevision": 3,
        "entries": [{"revision": 3, "hash": "c"}, {"revision": 2, "hash": "b"}],
    }
    with answering(200, json.dumps(answer).encode()) as gateway:
        assert problem_of(gateway, mark)[0] == problem


def test_what_is_wrong_is_told_with_its_place() -> None:
    """As the Registry found it."""
    answer = {"isWhole": False, "problem": "A line is gone", "revision": 7}
    with answering(200, json.dumps(answer).encode()) as gateway:
        assert problem_of(gateway, None)[0] == "A line is gone, at revision 7"
