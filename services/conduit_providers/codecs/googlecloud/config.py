"""How Google Cloud is told to recognize sound: a `RecognitionConfig`, in its JSON.

https://docs.cloud.google.com/speech-to-text/docs/reference/rest/v2/projects.locations.recognizers
"""

from collections.abc import Iterable, Sequence
from typing import Any

from conduit_providers.codecs.googlecloud.options import TranscribeModel
from conduit_providers.target import Target

Json = dict[str, Any]


def recognition_config(
    model: str,
    named: Sequence[str],
    keywords: Iterable[str],
    facts: TranscribeModel,
    target: Target,
) -> Json:
    """Return what is told of all sound, however it comes: sentences in languages that are named."""
    found: Json = {
        "autoDecodingConfig": {},
        "model": model,
        "languageCodes": _languages(named, facts, target),
        # Sentences; they would be bare words otherwise.
        "features": {"enableAutomaticPunctuation": True},
    }
    if phrases := [{"value": each} for each in keywords]:
        found["adaptation"] = {"phraseSets": [{"inlinePhraseSet": {"phrases": phrases}}]}
    return found


def _languages(named: Sequence[str], facts: TranscribeModel, target: Target) -> list[str]:
    usual = target.settings.get("language", "")
    if not named:
        return ["auto"] if facts.detects_languages else [usual]
    # Callers name languages, such as `en`, where Google Cloud has locales.
    return [usual if usual.startswith(f"{each}-") else each for each in named]
