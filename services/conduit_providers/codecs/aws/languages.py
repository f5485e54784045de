"""The languages of Amazon Transcribe, which it knows by their dialects.

https://docs.aws.amazon.com/transcribe/latest/dg/lang-id-stream.html
"""

from collections.abc import Iterable

from conduit_providers.codecs.aws.options import TranscribeOptions

# The model of AWS's own; others are those that an account has trained.
OWN_MODEL = "transcribe"
IDENTIFY = ("identify-language", "true")

Query = list[tuple[str, str]]


def language_query(named: Iterable[str], options: TranscribeOptions) -> Query:
    """Return what a handshake says of the languages that may be spoken.

    One is told; several, or those of the catalog where none is named, are told apart.
    """
    found = [options.dialects.get(name.lower(), name) for name in dict.fromkeys(named)]
    if len(found) == 1:
        return [("language-code", found[0])]
    return [IDENTIFY, ("language-options", ",".join(found or options.guesses))]
