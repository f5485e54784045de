"""What is known to be wrong with what Conduit runs on is asked for, and told."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.support.gateway_answers import answering_at
from tools.advisories import Package, Unreachable, advisories, main, packages_in

PACKAGES = [Package("alpha", "1.0"), Package("beta-x", "2.0.post1")]
LOCKED = """# Written from uv.lock.
alpha==1.0 \\
    --hash=sha256:00
beta-x[extra]==2.0.post1 ; python_version < "3.13" \\
    --hash=sha256:01
"""
# As https://google.github.io/osv.dev/post-v1-querybatch/ has it.
KNOWN = {
    "results": [
        {},
        {
            "vulns": [
                {"id": "GHSA-1", "modified": "2024-01-01T00:00:00Z"},
                {"id": "PYSEC-2", "modified": "2024-01-01T00:00:00Z"},
            ]
        },
    ]
}


@contextmanager
def source(answer: object, status: int = 200) -> Iterator[str]:
    """Run one that gives this answer; yield its address."""
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    with answering_at(status, body) as url:
        yield url


def test_all_that_is_locked_is_asked_for(root: Path) -> None:
    """Each once, by the version in the file that the image installs."""
    assert packages_in(LOCKED) == PACKAGES
    text = (root / "deploy/requirements.txt").read_text("utf-8")
    found = packages_in(text)
    assert len(found) == len(set(found)) == len(re.findall(r"^[a-z0-9]", text, re.MULTILINE))


def test_what_is_known_is_told_and_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By package; a good answer says so."""
    locked = tmp_path / "requirements.txt"
    locked.write_text(LOCKED)
    with source(KNOWN) as url:
        assert advisories(PACKAGES, url) == {PACKAGES[1]: ["GHSA-1", "PYSEC-2"]}
        assert main(url, locked) == 1
    assert capsys.readouterr().out == (
        "beta-x 2.0.post1: GHSA-1, PYSEC-2\n1 of 2 packages have known vulnerabilities.\n"
    )
    with source({"results": [{}, {}]}) as url:
        assert main(url, locked) == 0


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        *(
            (b"<html>", 200),
            ({}, 200),
            ([], 200),
            ({"results": 1}, 200),
            ({"results": [1, 2]}, 200),
        ),
        *(({"results": [{}]}, 200), ({"results": [{}, {"vulns": [{}]}]}, 200), (KNOWN, 503)),
    ],
)
def test_a_source_that_does_not_answer_is_told(
    answer: object, status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is known then, which is no failure, and not that there is nothing."""
    locked = tmp_path / "requirements.txt"
    locked.write_text(LOCKED)
    with source(answer, status) as url:
        with pytest.raises(Unreachable):
            advisories(PACKAGES, url)
        assert main(url, locked) == 0
    assert "nothing is known" in capsys.readouterr().out
