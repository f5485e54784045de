"""What makes a right guardrail."""

from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

from conduit.v1 import guardrail_pb2 as pb
from conduit_kernel.errors import InvalidRequest
from conduit_registry.policy_values import Guardrail, GuardrailWebhook
from conduit_registry.rules.guardrails import guardrails

REPORT, ASKED = pb.GUARDRAIL_ACTION_REPORT, pb.GUARDRAIL_STAGE_REQUEST


def hook(**fields: Any) -> pb.GuardrailWebhook:  # noqa: ANN401 # of a webhook
    """Return a webhook."""
    given = {"url": "https://a.example/b?c", "signing_key": "env:KEY", **fields}
    return pb.GuardrailWebhook(**given)


def test_what_is_unset_is_the_default() -> None:
    """It blocks, at both stages; each detector counts once."""
    email = pb.GUARDRAIL_DETECTOR_EMAIL_ADDRESS
    given = [
        pb.Guardrail(name=" a ", patterns=["x+", "(?i)y"]),
        pb.Guardrail(name="b", detectors=[email, email], action=REPORT, stage=ASKED),
        pb.Guardrail(name="c", max_characters=1),
        pb.Guardrail(
            name="d",
            moderation_model=" moderates ",
            webhook=hook(timeout=Duration(nanos=500_000_000)),
            fail_open=True,
        ),
    ]
    assert guardrails(given) == (
        Guardrail("a", 1, 3, ("x+", "(?i)y")),
        Guardrail("b", 3, 1, (), (email,)),
        Guardrail("c", 1, 3, max_characters=1),
        Guardrail(
            *("d", 1, 3, (), (), None, "moderates"),
            GuardrailWebhook("https://a.example/b?c", "env:KEY", 500_000),
            fail_open=True,
        ),
    )
    assert guardrails([]) == ()


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "guardrails[0]"),
        ({"name": ""}, "guardrails[0].name"),
        ({"name": "n" * 101}, "guardrails[0].name"),
        ({"patterns": ["("]}, "guardrails[0].patterns[0]"),
        ({"patterns": ["a", "(?=b)"]}, "guardrails[0].patterns[1]"),
        ({"patterns": [r"(a)\1"]}, "guardrails[0].patterns[0]"),
        ({"patterns": ["(((a{1000}){1000}){1000})"]}, "guardrails[0].patterns[0]"),
        ({"patterns": ["a*"]}, "guardrails[0].patterns[0]"),
        ({"patterns": [""]}, "guardrails[0].patterns"),
        ({"patterns": ["a"] * 51}, "guardrails[0].patterns"),
        ({"patterns": ["a" * 1001]}, "guardrails[0].patterns"),
        ({"detectors": [0]}, "guardrails[0].detectors"),
        ({"detectors": [99]}, "guardrails[0].detectors"),
        ({"max_characters": 0}, "guardrails[0].maxCharacters"),
        ({"webhook": hook(url="")}, "guardrails[0].webhook.url"),
        ({"webhook": hook(url="ftp://a.example")}, "guardrails[0].webhook.url"),
        ({"webhook": hook(url="https://user:word@a.example")}, "guardrails[0].webhook.url"),
        ({"webhook": hook(url="https://")}, "guardrails[0].webhook.url"),
        ({"webhook": hook(url="https://a.example:99999")}, "guardrails[0].webhook.url"),
        ({"webhook": hook(url="https://a.example/b c")}, "guardrails[0].webhook.url"),
        ({"webhook": hook(url="https://a.example/b\r\nx: y")}, "guardrails[0].webhook.url"),
        ({"webhook": hook(signing_key="whsec_abcdef")}, "guardrails[0].webhook.signingKey"),
        ({"webhook": hook(signing_key="env:A B")}, "guardrails[0].webhook.signingKey"),
        (
            {"webhook": hook(signing_key="env:CONDUIT_MASTER_KEY")},
            "guardrails[0].webhook.signingKey",
        ),
        ({"webhook": hook(timeout=Duration())}, "guardrails[0].webhook.timeout"),
        ({"webhook": hook(timeout=Duration(seconds=11))}, "guardrails[0].webhook.timeout"),
        ({"moderation_model": "m" * 201}, "guardrails[0].moderationModel"),
        ({"max_characters": 1, "action": 9}, "guardrails[0].action"),
        ({"max_characters": 1, "stage": -1}, "guardrails[0].stage"),
    ],
)
def test_what_is_wrong_is_told_with_its_field(given: dict[str, Any], field: str) -> None:
    """What finds nothing, or everything, is a mistake."""
    with pytest.raises(InvalidRequest) as raised:
        guardrails([pb.Guardrail(**{"name": "n", **given})])
    assert raised.value.metadata["field"] == field


def test_names_are_unique_and_few() -> None:
    """Callers are told by them what stopped them."""
    one = pb.Guardrail(name="a", max_characters=1)
    with pytest.raises(InvalidRequest, match="twice"):
        guardrails([one, one])
    many = [pb.Guardrail(name=f"n{i}", max_characters=1) for i in range(21)]
    assert len(guardrails(many[:20])) == 20
    with pytest.raises(InvalidRequest, match="at most 20"):
        guardrails(many)
