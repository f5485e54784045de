"""Embeddings of more inputs than a provider takes at once: one call becomes several, and one again.

How many an endpoint takes is data of the catalog: `max_inputs`.
"""

from collections.abc import Sequence

from conduit.v1.embedding_pb2 import EmbeddingInput, EmbeddingList, EmbeddingRequest
from conduit_providers.calls import Call, EmbedAnswer, EmbedCall, embed_answer, embedding_request
from conduit_providers.spec import Endpoint
from conduit_providers.usage import Usage


def split_embedding(call: EmbedCall, endpoint: Endpoint) -> Sequence[EmbedCall]:
    """Return the calls that a call becomes, in order; the call itself if it is small enough."""
    limit = endpoint.max_inputs_of(call.model) if endpoint.max_inputs else None
    raw = call.request.json_at_hand
    if limit is None or (raw is not None and raw.count(b",") < limit):
        # Without so many commas there are not so many inputs: no need to take the text apart.
        return (call,)
    if len(call.typed.input) <= limit:
        return (call,)
    inputs = call.typed.input
    head = EmbeddingRequest()
    head.CopyFrom(call.typed)
    del head.input[:]
    return [_part(call, head, inputs[at : at + limit]) for at in range(0, len(inputs), limit)]


def join_embeddings(answers: Sequence[EmbedAnswer]) -> EmbedAnswer:
    """Return the answer to the whole call; its usage is the sum, None if a part of it is unknown.

    One answer is passed on as it is.
    """
    if len(answers) == 1:
        return answers[0]
    whole = EmbeddingList()
    whole.CopyFrom(answers[0].typed)
    for answer in answers[1:]:
        whole.data.extend(answer.typed.data)
        whole.usage.prompt_tokens += answer.typed.usage.prompt_tokens
        whole.usage.total_tokens += answer.typed.usage.total_tokens
    for place, vector in enumerate(whole.data):
        vector.index = place
    told = [answer.usage for answer in answers if answer.usage is not None]
    return embed_answer(usage=total(told) if len(told) == len(answers) else None, typed=whole)


def total(usages: Sequence[Usage]) -> Usage:
    """Return the sum of counts; all are zero if there are none."""
    names = Usage.__struct_fields__
    return Usage(**{name: sum(getattr(each, name) for each in usages) for name in names})


def _part(call: EmbedCall, head: EmbeddingRequest, inputs: Sequence[EmbeddingInput]) -> EmbedCall:
    request = EmbeddingRequest()
    request.CopyFrom(head)
    request.input.extend(inputs)
    part = Call(
        embedding_request(typed=request),
        alias=call.alias,
        model=call.model,
        is_strict=call.is_strict,
        provider=call.provider,
        created=call.created,
    )
    # What the parts cannot say, the call could not.
    part.dropped = call.dropped
    return part
