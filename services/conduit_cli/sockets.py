"""The folder of the sockets by which the processes of a gateway speak to each other."""

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

# Systems allow some more, but not all of them much more.
MAX_PATH_BYTES = 80
# Where systems keep what belongs to one user's processes while they run.
_RUNTIME = "XDG_RUNTIME_DIR"


@contextmanager
def socket_folder(data_dir: Path, env: Mapping[str, str]) -> Iterator[Path]:
    """Make a folder that nobody else can enter; it is removed at the end.

    Not on the disk of the data if that can be: a process that is started again while that disk is
    full, or read-only, listens all the same. OSError if there is no room for one anywhere.
    """
    places = (env.get(_RUNTIME), tempfile.gettempdir(), data_dir.absolute())
    folder = _made([Path(place) for place in places if place])
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _made(places: Iterable[Path]) -> Path:
    problem = OSError("every path is too long for the address of a socket")
    for place in places:
        if len(bytes(place)) > MAX_PATH_BYTES:
            continue
        try:
            # Under a name that nobody knew before, for its owner alone.
            return Path(tempfile.mkdtemp(prefix="conduit-", dir=place))
        except OSError as error:
            problem = error
    raise problem
