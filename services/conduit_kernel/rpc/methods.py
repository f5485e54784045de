"""What the contract says of each RPC, public and internal."""

from typing import Final

from conduit.internal.v1 import methods as internal
from conduit.v1 import methods as public

METHODS: Final = {**public.METHODS, **internal.METHODS}
