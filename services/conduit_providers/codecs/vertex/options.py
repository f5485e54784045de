"""What the catalog says to Vertex AI's dialects."""

from conduit_providers.codecs.anthropic import options as anthropic
from conduit_providers.codecs.gemini import options as gemini


class ChatOptions(gemini.ChatOptions, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The places of models that are not Gemini, and the version that their dialect requires."""

    # Where Claude is, up to the verb.
    claude_path: str
    # Where an endpoint of one's own is (a tuned model, named `endpoints/ID`).
    endpoint_path: str
    claude: anthropic.ChatOptions = anthropic.ChatOptions()


class ChatModel(gemini.ChatModel, frozen=True, forbid_unknown_fields=True):
    """The dialect of a model: Anthropic's if it is a Claude, and Gemini's if not."""

    claude: anthropic.ChatModel | None = None
