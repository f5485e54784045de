"""Names that providers have for what an error says."""

# Most telling first. AWS's front door writes `Message`, the services behind it `message`, Deepgram
# `err_msg`; NVIDIA's has no more than a `title`.
MESSAGE_NAMES = ("message", "Message", "err_msg", "detail", "details", "msg", "error", "title")
# Where an error inside of an answer has the status that it would have been answered with; the
# second is Mistral's.
STATUS_NAMES = ("code", "raw_status_code")


def bare_code(code: object) -> str:
    """Return a code without what AWS writes around it: `Name:address`, `namespace#Name`."""
    text = code if isinstance(code, str) else ""
    return text.partition(":")[0].rpartition("#")[2].strip()
