"""A process that may have few descriptors."""

import contextlib
import resource
from collections.abc import Iterator


@contextlib.contextmanager
def limited(descriptors: int) -> Iterator[None]:
    """Lower the limit of this process for a while."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
