"""The audit log of a running gateway: whether it is whole, and its lines."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

from conduit_cli.chat import DEFAULT_URL
from conduit_cli.gateway import Gateway, Json
from conduit_cli.keys import MASTER, KeyFile
from conduit_cli.layout import ADDRESS_FILE

PAGE_SIZE = 1000
# Reading all of a long log takes a while.
SILENCE_SECONDS = 120.0
_TOKEN_START = "condt_admin_"  # noqa: S105 # what all tokens begin with


class NoCredential(Exception):
    """There is nothing to show that an administrator asks."""


class Mark(NamedTuple):
    """A line that somebody kept elsewhere."""

    revision: int
    hash: str


def find_gateway(
    url: str | None, key: str | None, data_dir: Path, env: Mapping[str, str]
) -> Gateway:
    """Return the gateway to administer: as asked for, else as the environment says, else the local.

    NoCredential without a master key or a token; ValueError for a URL that is none.
    """
    address = data_dir / ADDRESS_FILE
    local = address.read_text("utf-8").strip() if address.exists() else DEFAULT_URL
    key = key or env.get("CONDUIT_MASTER_KEY") or str(KeyFile(data_dir).read().get(MASTER, ""))
    if not key:
        raise NoCredential(
            f"No master key: {data_dir} has none. Give it, or an auditor's token, with --key or "
            "CONDUIT_MASTER_KEY, or say with --data-dir where the gateway keeps its data."
        )
    is_token = key.startswith(_TOKEN_START)
    headers = {"authorization": f"Bearer {key}"} if is_token else {"x-master-key": key}
    return Gateway(url or env.get("CONDUIT_URL") or local, headers, SILENCE_SECONDS)


def lines(gateway: Gateway, wanted: Mapping[str, str]) -> Iterator[Json]:
    """Yield lines of the log, newest first. GatewayError, OSError, or ValueError for no log."""
    token = ""
    while True:
        asked = {"pageSize": str(PAGE_SIZE), **wanted} | ({"pageToken": token} if token else {})
        page = gateway.call("GET", f"/api/audit-log?{urlencode(asked)}")
        entries = page.get("entries")
        if not isinstance(entries, list):
            raise ValueError("there is no log")  # noqa: TRY004 # of what was sent, not of ours
        yield from entries
        token = str(page.get("nextPageToken") or "")
        if not token:
            return


def mark_of(export: Path) -> Mark:
    """Return the newest line of an export. ValueError if it has none with a hash."""
    with export.open(encoding="utf-8") as file:
        found = [Mark(int(line["revision"]), str(line["hash"])) for line in map(json.loads, file)]
    marks = [mark for mark in found if mark.hash]
    if not marks:
        raise ValueError(f"{export} has no line with a hash")
    return max(marks)


def problem_of(gateway: Gateway, mark: Mark | None) -> tuple[str, Json]:
    """Return what is wrong with the log, or nothing, and what was found. Errors as with `lines`.

    With a mark, also whether the log is the one that had this line.
    """
    found = gateway.call("GET", "/api/audit-log/verification")
    if not isinstance(found.get("isWhole"), bool):
        raise ValueError("this is no finding")  # noqa: TRY004 # of what was sent, not of ours
    if not found["isWhole"]:
        return f"{found.get('problem')}, at revision {found.get('revision')}", found
    if mark is None:
        return "", found
    if int(found.get("lastRevision") or 0) < mark.revision:
        return f"The log ends before revision {mark.revision}, which it had once", found
    for line in lines(gateway, {}):
        if line.get("revision") == mark.revision:
            if line.get("hash") == mark.hash:
                return "", found
            return f"Revision {mark.revision} is another line than the one that it had once", found
        if int(line.get("revision") or 0) < mark.revision:
            break
    # By age, perhaps: whoever asks knows how long lines are kept.
    return f"Revision {mark.revision}, which it had once, is not in the log any more", found
