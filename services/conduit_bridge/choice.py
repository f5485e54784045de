"""Two RPCs at one path: which one a request means stands in its body."""

import msgspec

from conduit.v1 import json_runtime
from conduit_kernel.errors import InvalidRequest


class Chooser:
    """Reads one boolean member of a JSON object, and nothing else of it."""

    def __init__(self, member: str) -> None:
        self._member = member
        self._quoted = f'"{member}"'.encode()
        fields = [(member, bool | None, None)]
        self._decode = msgspec.json.Decoder(msgspec.defstruct("Choice", fields)).decode

    def is_chosen(self, body: bytes) -> bool:
        """Return whether the member is true. InvalidRequest if it is no boolean.

        MalformedJson, of the runtime, if the body is not JSON.
        """
        # An escaped letter could hide the name.
        if self._quoted not in body and b"\\u" not in body:
            return False
        try:
            return bool(getattr(self._decode(body), self._member))
        except msgspec.ValidationError as error:
            if f"$.{self._member}" not in str(error):
                # Not an object at all; who reads the body will say so better.
                return False
            message = f"{self._member} must be true or false"
            raise InvalidRequest(message, field=self._member) from error
        except msgspec.DecodeError:
            # It knows best where the text goes wrong.
            json_runtime.parse(body)
            return False
