"""From a guardrail of the configuration to one that looks."""

from conduit.v1 import guardrail_pb2 as pb
from conduit_router.guardrails.policy import guards_of


def test_what_is_unset_is_the_default() -> None:
    """It blocks, requests and answers alike, texts of any length."""
    [guard] = guards_of([pb.Guardrail(name="n", patterns=["a"])])
    assert (guard.name, guard.action) == ("n", pb.GUARDRAIL_ACTION_BLOCK)
    assert (guard.looks_at_requests, guard.looks_at_answers) == (True, True)
    assert guard.max_characters == 0
    assert guard.matcher.find("a")


def test_each_looks_where_it_is_told_to() -> None:
    """In the order of the configuration."""
    guards = guards_of(
        pb.Guardrail(name=name, stage=stage, action=pb.GUARDRAIL_ACTION_REPORT, max_characters=3)
        for name, stage in (
            ("a", pb.GUARDRAIL_STAGE_REQUEST),
            ("b", pb.GUARDRAIL_STAGE_ANSWER),
            ("c", pb.GUARDRAIL_STAGE_BOTH),
        )
    )
    looks = [(each.name, each.looks_at_requests, each.looks_at_answers) for each in guards]
    assert looks == [("a", True, False), ("b", False, True), ("c", True, True)]
    assert {each.action for each in guards} == {pb.GUARDRAIL_ACTION_REPORT}
    assert guards_of(()) == ()
