"""Decisions as the contract has them, and made again from that."""

from collections.abc import Collection, Mapping

from conduit.v1 import decision_inputs_pb2 as inputs_pb
from conduit.v1.decision_pb2 import Candidate as CandidateMessage
from conduit.v1.decision_pb2 import Decision as DecisionMessage
from conduit_kernel.circuit import OpenCircuit
from conduit_providers.operation import Requirements
from conduit_router.routing.balancing import Balance
from conduit_router.routing.decide import (
    NOBODY,
    CandidateKeys,
    Decision,
    Sender,
    SentFrom,
    decide,
    joined,
    route_of,
)
from conduit_router.routing.health_view import Cooldown, HealthView, Subject
from conduit_router.routing.table import Route


def decision_message(
    decision: Decision,
    model: str,
    operation: str,
    *,
    revision: int,
    capabilities: Collection[str] = (),
    sender: Sender = NOBODY,
) -> DecisionMessage:
    """Return a decision for a model, with all that it was made from."""
    message = DecisionMessage(
        model_alias=model,
        operation=operation,
        rejections=decision.rejections,
        seed=decision.seed,
        revision=revision,
        strategy=decision.balance.strategy,
        inputs=_inputs(decision, model, capabilities, sender),
    )
    for chosen in (*decision.candidates, *decision.conditional):
        message.candidates.append(_candidate(chosen, model))
    return message


def replay(message: DecisionMessage, routes: Mapping[str, Route]) -> Decision:
    """Make a decision again from what it was made from. ModelNotFound if an alias is gone.

    With the same routes it is the same.
    """
    inputs, health = message.inputs, _health_of(message.inputs)
    requirements = Requirements(
        message.model_alias, message.operation, capabilities=frozenset(inputs.capabilities)
    )
    only = frozenset(inputs.requested_providers) or None
    account_keys = frozenset(inputs.account_key_ids) if inputs.is_bound_to_account else None
    names = [each.model_alias for each in inputs.balances]
    decisions = [
        decide(
            route_of(routes, each.model_alias),
            requirements,
            health,
            message.seed,
            sender_of(inputs),
            balance=_balance_of(each),
            only=only,
            account_keys=account_keys,
        )
        for each in inputs.balances
    ]
    return joined(names, decisions)


def sender_of(inputs: inputs_pb.DecisionInputs) -> SentFrom:
    """Return the caller that a decision was made for."""
    levels = (inputs.allowed_providers, *(each.patterns for each in inputs.also_allowed_providers))
    allowed = tuple(tuple(each) for each in levels if each) or None
    return SentFrom(inputs.caller_address, inputs.caller_certificate, allowed)


def _candidate(chosen: CandidateKeys, model: str) -> CandidateMessage:
    candidate = chosen.candidate
    entry = CandidateMessage(
        provider_id=candidate.provider_id,
        provider_name=candidate.instance.provider.name,
        actual_model_name=candidate.model,
        key_ids=[key.key_id for key in chosen.keys],
        priority=candidate.priority,
        weight=candidate.weight,
        mapping_id=candidate.mapping_id,
        conditions=sorted(candidate.conditions),
        model_alias=chosen.alias or model,
    )
    if candidate.timeout is not None:
        entry.timeout.FromMilliseconds(int(candidate.timeout * 1000))
    return entry


def _inputs(
    decision: Decision, model: str, capabilities: Collection[str], sender: Sender
) -> inputs_pb.DecisionInputs:
    health = decision.health
    first, *others = sender.providers or ((),)
    message = inputs_pb.DecisionInputs(
        caller_address=sender.peer,
        caller_certificate=sender.certificate,
        allowed_providers=first,
        also_allowed_providers=(inputs_pb.AllowedProviders(patterns=each) for each in others),
        capabilities=sorted(capabilities),
        requested_providers=sorted(decision.only or ()),
        at=health.at,
        unhealthy_provider_ids=sorted(health.unhealthy),
        is_bound_to_account=decision.account_keys is not None,
        account_key_ids=sorted(decision.account_keys or ()),
    )
    for subject, circuit in health.open_circuits.items():
        message.rests.add(**subject._asdict(), until=circuit.until, last_until=circuit.last_until)
    for subject, rest in health.cooldowns.items():
        message.rests.add(
            **subject._asdict(),
            until=rest.until,
            reason=rest.reason,
            detail=rest.message,
            since=rest.since,
            failed_model=rest.model,
        )
    for subject, share in health.returning.items():
        message.returning.add(**subject._asdict(), share=share)
    for alias, balance in ((model, decision.balance), *decision.fallbacks):
        message.balances.append(_balance(alias, balance))
    return message


def _balance(alias: str, balance: Balance) -> inputs_pb.BalanceInput:
    message = inputs_pb.BalanceInput(
        model_alias=alias, strategy=balance.strategy, turn=balance.turn, affinity=balance.affinity
    )
    for (provider_id, model), score in balance.scores.items():
        message.scores.add(provider_id=provider_id, model=model, score=score)
    for key_id, score in balance.key_scores.items():
        message.key_scores.add(key_id=key_id, score=score)
    return message


def _balance_of(message: inputs_pb.BalanceInput) -> Balance:
    return Balance(
        message.strategy,
        message.turn,
        {(each.provider_id, each.model): each.score for each in message.scores},
        {each.key_id: each.score for each in message.key_scores},
        message.affinity if message.HasField("affinity") else None,
    )


def _health_of(inputs: inputs_pb.DecisionInputs) -> HealthView:
    circuits: dict[Subject, OpenCircuit] = {}
    cooldowns: dict[Subject, Cooldown] = {}
    for rest in inputs.rests:
        subject = Subject(rest.provider_id, rest.model, rest.key_id)
        if rest.HasField("last_until"):
            circuits[subject] = OpenCircuit(rest.until, rest.last_until)
        else:
            cooldowns[subject] = Cooldown(
                rest.until, rest.detail, rest.reason, rest.since, rest.failed_model
            )
    returning = {
        Subject(each.provider_id, each.model, each.key_id): each.share for each in inputs.returning
    }
    unhealthy = frozenset(inputs.unhealthy_provider_ids)
    return HealthView(circuits, cooldowns, unhealthy, returning, inputs.at)
