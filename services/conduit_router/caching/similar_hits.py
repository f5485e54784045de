"""Calls that are answered by what was answered to something that is much alike."""

from conduit_router.caching.answers import CachedAnswer
from conduit_router.caching.control import CacheUse
from conduit_router.caching.fingerprint import candidates_of, digest
from conduit_router.caching.hits import account_for_hit, answering_key
from conduit_router.caching.keys import CacheKey
from conduit_router.caching.question import question_of
from conduit_router.caching.similar import AskedText
from conduit_router.caching.wording import wording_of
from conduit_router.calls.call_scope import CallScope
from conduit_router.routing.cache_policy import SemanticPolicy
from conduit_router.served_by import CallSummary


async def similar_hit(
    scope: CallScope, use: CacheUse, key: CacheKey
) -> tuple[CachedAnswer, CallSummary] | None:
    """Return an answer to what is much alike, for a call that nothing else is kept for.

    Has the call's text embedded, also for its own answer. Counts a miss where there is none.
    """
    cache, semantic = scope.runtime.answers, use.policy.semantic
    if semantic is not None:
        key.text = await _asked_text(scope, key, semantic)
    if not use.reads:
        return None
    if key.text is not None and semantic is not None:
        found = await scope.runtime.similar.find(key.text, semantic.threshold, use.max_age)
        by = None if found is None else answering_key(scope, found.answer)
        if found is not None and by is not None:
            cache.hits += 1
            cache.similar_hits += 1
            share = use.policy.charged_share
            return found.answer, account_for_hit(scope, found.answer, by, share, found.similarity)
    cache.misses += 1
    return None


async def keep_similar(scope: CallScope, key: CacheKey, answer: CachedAnswer) -> None:
    """Keep an answer for what is much alike."""
    if key.text is not None:
        await scope.runtime.similar.keep(key.text, key.fingerprint, answer)


async def _asked_text(
    scope: CallScope, key: CacheKey, semantic: SemanticPolicy
) -> AskedText | None:
    """Return what a call asks, with its vector; None where it has no question, or no vector."""
    asked, embedder = key.asked, scope.runtime.embedder
    question = question_of(asked.served_as, asked.document)
    if question is None or embedder is None:
        return None
    vector = await embedder.embed(question.text, scope, semantic)
    if vector is None:
        return None
    route = scope.runtime.table.routes.get(semantic.model)
    # Vectors of two models are of two spaces, even where they are as long.
    space = [semantic.model, candidates_of(route), len(vector.numbers)]
    # Who chose a model itself shares with nobody, whomever the alias lets share the same words.
    alone = scope.caller.caller.virtual_key_id if semantic.is_of_caller else None
    partition = digest([*asked.terms, question.rest, space, alone])
    return AskedText(partition, vector, wording_of(question.text))
