"""What the catalog says to Replicate's dialect."""

import msgspec


class ChatOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options for making predictions."""

    # Where those of a certain version are.
    version_path: str = "/predictions"
    # How long the first exchange of a whole answer waits for it; it is polled after.
    wait_seconds: int = 5
    # After which time Replicate gives up on a prediction by itself.
    cancel_after: str = "10m"
    # Addresses besides the instance's own that its answers may refer to.
    origins: tuple[str, ...] = ()


class ChatModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The input names of one maker's models; empty names are inputs that they lack."""

    # The longest output, in tokens, and the least that it may be.
    limit: str = "max_tokens"
    least_limit: int = 1
    system: str = "system_prompt"
    # The list of pictures; empty where there is one at most, as `image`.
    images: str = ""
    # Whether longer conversations go as messages; if not, as a transcript.
    takes_messages: bool = False
    # The sequences to stop at, with commas between them.
    stop: str = "stop_sequences"
    # What else of OpenAI's parameters they have, by the same name.
    parameters: tuple[str, ...] = (
        "temperature",
        "top_p",
        "presence_penalty",
        "frequency_penalty",
        "seed",
    )
