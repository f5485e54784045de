"""What the system refused of which file, in words, and what to do."""

import errno

_CHOOSE = "or choose another data directory: --data-dir DIR, or CONDUIT_DATA_DIR"
MAKE_ROOM = f"Make room on its disk, for bytes and for files, {_CHOOSE}"
# Of what SQLite refuses, it says no more than that.
MAKE_USABLE = f"Look whether its disk has room and this user may write there, {_CHOOSE}"
_ALLOW = f"Let this user read and write there, {_CHOOSE}"
_WHAT_TO_DO = {
    errno.ENOSPC: MAKE_ROOM,
    errno.EDQUOT: MAKE_ROOM,
    errno.EROFS: f"Let its disk be written, {_CHOOSE}",
    errno.EACCES: _ALLOW,
    errno.EPERM: _ALLOW,
    errno.ENOTDIR: f"Put a folder there, {_CHOOSE}",
    errno.EEXIST: f"Move away what is there, {_CHOOSE}",
    errno.EISDIR: f"Move the folder away, {_CHOOSE}",
}


def in_words(error: OSError) -> str:
    """Return what the system said of which file, without its number, and what to do."""
    if not error.strerror:
        return str(error)
    if not error.filename:
        return error.strerror
    said = f"{error.filename}: {error.strerror}"
    hint = _WHAT_TO_DO.get(error.errno or 0)
    return f"{said}. {hint}" if hint else said
