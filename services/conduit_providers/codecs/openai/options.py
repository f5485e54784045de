"""What the catalog says to OpenAI's dialect."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from conduit_providers.model_rows import EVERY_MODEL, ModelMatch
from conduit_providers.model_rows import SpeakModel as AnySpeakModel


class ChatOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The differences of a provider's chats from OpenAI's."""

    # The role that stands for `developer`; empty where that is known.
    developer_role: str = ""
    # Where an event of a stream may have the words of a failure that is not its `error`.
    stream_error: str = ""
    # Whether turns with tool calls are refused without the thoughts behind them, be they empty.
    calls_need_thoughts: bool = False
    # Whether pictures and other media are refused in results of tools.
    media_are_the_users: bool = False
    # Whether user and assistant must take turns.
    speakers_alternate: bool = False
    # How closely pictures can be looked at; empty where that is the server's to judge.
    image_details: frozenset[str] = frozenset()
    # Whether tools and a JSON format are taken at once.
    takes_json_with_tools: bool = True
    # How many texts that end an answer are known to be taken, which callers who speak another
    # dialect than OpenAI's may exceed; 0 where that is the server's to judge.
    most_stops: int = 0
    # The path to which requests of OpenAI's Responses pass; empty where they become chats. And
    # other ones, by a setting with a value.
    responses_path: str = ""
    responses_paths: Mapping[str, str] = {}
    # What stands below that path for requests that come to no response: `input_tokens`, `compact`.
    responses_parts: frozenset[str] = frozenset()
    # The path to which OpenAI's older completions pass; empty where they become chats. And the
    # models that take them, where others are asked in chats.
    completions_path: str = ""
    completions_models: ModelMatch = EVERY_MODEL
    # The path of completions that fill a gap, where chats are asked for all others; empty where
    # there is none.
    filling_path: str = ""


class ConverseOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The paths of sessions that are no conversations of the realtime protocol."""

    # The path of live sessions; empty where there are none.
    live_path: str = ""
    # The path of realtime sessions that only transcribe, whose model is named in an event; empty
    # where they are held at the path of conversations.
    transcription_path: str = ""


class ConverseModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The sessions of a family of models."""

    # Whether it only writes down what is said; such models are refused as those of conversations.
    is_transcriber: bool = False


class TranscribeOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The formats that a provider has of OpenAI's."""

    # Those that it lacks, and that are made of its `verbose_json`.
    made_of_verbose_json: frozenset[str] = frozenset()


class TranslateOptions(TranscribeOptions, frozen=True, forbid_unknown_fields=True):
    """The formats that a provider has of OpenAI's."""


class SpeakOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The differences of a provider's speech from OpenAI's."""

    # Whether formats beside the claimed ones are for the server to take or to refuse.
    takes_any_format: bool = False
    # Formats that it lacks, by the one that each is made of: `pcm`, or `wav`.
    made_of: Mapping[str, Literal["pcm", "wav"]] = {}


class SpeakModel(AnySpeakModel, frozen=True, forbid_unknown_fields=True):
    """The facts about a model that speaks."""

    # Whether it is asked for events, which alone say what was used: always, as the caller has it,
    # or never, where they are refused.
    events: Literal["always", "asked", "never"] = "asked"
