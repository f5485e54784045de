"""What guardrails do with what they find."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from conduit.v1 import guardrail_pb2 as pb
from conduit_kernel.guardrail_errors import ContentBlocked
from conduit_router.guardrails.judging import REQUEST, Judgement
from conduit_router.guardrails.policy import Guard, guards_of
from conduit_router.guardrails.texts import texts_in

BLOCK, REDACT, REPORT = (
    pb.GUARDRAIL_ACTION_BLOCK,
    pb.GUARDRAIL_ACTION_REDACT,
    pb.GUARDRAIL_ACTION_REPORT,
)


def guard(action: pb.GuardrailAction.ValueType, pattern: str = "b+", **fields: Any) -> Guard:  # noqa: ANN401 # of a guardrail
    """Return a guardrail."""
    name = pb.GuardrailAction.Name(action).lower()
    [made] = guards_of([pb.Guardrail(name=name, action=action, patterns=[pattern], **fields)])
    return made


def judged(document: Any, *guards: Guard) -> tuple[bool, list[str]]:  # noqa: ANN401 # any JSON
    """Judge a document; return whether it has changed, and what is told."""
    judgement = Judgement("req_1")
    return judgement.judge(guards, texts_in(document), REQUEST), judgement.told


def test_what_is_blocked_says_by_whom_and_never_what() -> None:
    """The text is in no error."""
    with pytest.raises(ContentBlocked) as raised:
        judged({"content": "a bbb"}, guard(BLOCK))
    assert raised.value.metadata == {
        "guardrail": "guardrail_action_block",
        "stage": "request",
        "kind": "PATTERN",
    }
    assert "bbb" not in str(raised.value)


def test_what_is_redacted_is_replaced_by_its_kind() -> None:
    """All of it, and nothing else."""
    document = {"content": "a bbb c b", "more": ["b", "c"]}
    assert judged(document, guard(REDACT)) == (True, ["guardrail_action_redact;redacted"])
    assert document == {"content": "a [PATTERN] c [PATTERN]", "more": ["[PATTERN]", "c"]}


def test_what_cannot_be_replaced_is_blocked() -> None:
    """A name, and what structures the document."""
    for document in ({"metadata": {"bb": "a"}}, {"model": "bb"}):
        with pytest.raises(ContentBlocked):
            judged(document, guard(REDACT))


def test_a_report_changes_nothing() -> None:
    """The log has the kinds, each guardrail once, and nothing of the text."""
    document = {"content": "a bbb", "more": "b"}
    with capture_logs() as logs:
        assert judged(document, guard(REPORT)) == (False, ["guardrail_action_report;reported"])
    assert document == {"content": "a bbb", "more": "b"}
    [line] = logs
    assert (line["event"], line["kinds"], line["request_id"]) == (
        *("guardrail_found", ["PATTERN"]),
        "req_1",
    )
    assert "bbb" not in str(line)


def test_each_guardrail_sees_what_the_one_before_has_left() -> None:
    """What was redacted is there no more for one that would block it."""
    document = {"content": "a bbb"}
    assert judged(document, guard(REDACT), guard(BLOCK, "bbb"))[0]
    with pytest.raises(ContentBlocked):
        judged({"content": "a bbb"}, guard(BLOCK, "bbb"), guard(REDACT))


def test_size_is_that_of_all_texts_together() -> None:
    """And cannot be redacted."""
    document = {"content": "aaaa", "more": "aaaa"}
    # Not of names.
    assert judged(document, guard(BLOCK, max_characters=8)) == (False, [])
    for action in (BLOCK, REDACT):
        with pytest.raises(ContentBlocked) as raised:
            judged(document, guard(action, max_characters=7))
        assert raised.value.metadata["kind"] == "SIZE"
    assert judged(document, guard(REPORT, max_characters=7)) == (
        *(False, ["guardrail_action_report;reported"]),
    )
