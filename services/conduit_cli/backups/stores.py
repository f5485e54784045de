"""Where backups are kept: an object store that speaks S3's API, or a folder.

S3 is asked by `botocore`, with the credentials, the region and the address (`AWS_ENDPOINT_URL_S3`)
that the machine has by the SDK's own rules.
"""

import os
import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session

CONNECT_SECONDS, READ_SECONDS, ATTEMPTS = 10, 60, 3
# More are sent in parts: S3 takes 5 GiB at once, and 10,000 parts.
PART_BYTES = 64 * 1024 * 1024
# Of lists, each of a thousand names.
MAX_PAGES = 1000
_COPY_BYTES = 1024 * 1024
# The moment at which one is made, of UTC.
FORM = "conduit-%Y%m%dT%H%M%SZ.backup"
_NAME = re.compile(r"conduit-\d{8}T\d{6}Z\.backup")
_DEFAULT_REGION = "us-east-1"


class StoreFailed(Exception):
    """A store cannot be asked, or refuses; the message says why."""


class BackupStore(Protocol):
    """Keeps backups by name. Each call may take as long as the network does."""

    def names(self) -> list[str]:
        """Return the names of backups, oldest first; whatever else is there is none of ours."""
        ...

    def put(self, path: Path, name: str) -> None:
        """Store a file."""
        ...

    def get(self, name: str, path: Path) -> None:
        """Write a backup into a file."""
        ...

    def delete(self, name: str) -> None:
        """Remove a backup."""
        ...


def is_name(text: str) -> bool:
    """Return whether a text is the name of a backup, and the moment in it one that there is."""
    if _NAME.fullmatch(text) is None:
        return False
    try:
        datetime.strptime(text, FORM)  # noqa: DTZ007 # nobody looks at the moment
    except ValueError:
        return False
    return True


def store_of(url: str) -> BackupStore:
    """Return the store at `s3://BUCKET/PREFIX` or `file:///FOLDER`. ValueError for others."""
    parts = urlsplit(url)
    if "@" in parts.netloc:
        # It would be in what is told of a failure.
        raise ValueError("a backup's URL has no credentials: the SDK finds them by itself")
    if parts.scheme == "s3" and parts.netloc and not parts.query:
        return S3Store(parts.netloc, parts.path.strip("/"))
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
        return FolderStore(Path(unquote(parts.path)))
    raise ValueError("a backup's URL is s3://BUCKET/PREFIX or file:///FOLDER")


class FolderStore:
    """A folder, such as one that another machine mounts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        """Return the names of backups, oldest first."""
        try:
            return sorted(each.name for each in self._folder.iterdir() if is_name(each.name))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreFailed(f"{self._folder} cannot be read: {error}") from error

    def put(self, path: Path, name: str) -> None:
        """Store a file; a part of one is never seen under its name."""
        partial = self._folder / f"{name}.partial"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            partial.unlink(missing_ok=True)
            # Others may write there, too: what they made meanwhile is not written through.
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            handle = os.open(partial, flags, 0o600)
            with path.open("rb") as source, os.fdopen(handle, "wb") as out:
                shutil.copyfileobj(source, out)
            partial.replace(self._folder / name)
        except OSError as error:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
            raise StoreFailed(f"{self._folder} cannot be written: {error}") from error

    def get(self, name: str, path: Path) -> None:
        """Write a backup into a file."""
        try:
            shutil.copyfile(self._folder / name, path)
        except OSError as error:
            raise StoreFailed(f"{self._folder / name} cannot be read: {error}") from error

    def delete(self, name: str) -> None:
        """Remove a backup."""
        try:
            (self._folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise StoreFailed(f"{self._folder / name} cannot be removed: {error}") from error


class S3Store:
    """A bucket, or what is in it under a prefix."""

    def __init__(self, bucket: str, prefix: str) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
            # Not all stores know them, and backups are authenticated as they are.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        session = Session()
        region = session.get_config_variable("region") or _DEFAULT_REGION
        # Of no type, as all of botocore.
        self._client: Any = session.create_client("s3", region_name=region, config=config)

    def names(self) -> list[str]:
        """Return the names of backups, oldest first."""
        found: list[str] = []
        asked = {"Bucket": self._bucket, "Prefix": self._prefix}
        for _ in range(MAX_PAGES):
            page = self._asked(self._client.list_objects_v2, **asked)
            keys = [each["Key"].removeprefix(self._prefix) for each in page.get("Contents", ())]
            found += filter(is_name, keys)
            following = page.get("NextContinuationToken")
            if not page.get("IsTruncated") or not following:
                return sorted(found)
            asked["ContinuationToken"] = following
        raise StoreFailed(f"s3://{self._bucket} lists more than {MAX_PAGES} pages there")

    def put(self, path: Path, name: str) -> None:
        """Store a file, in parts if it is large; a part of one is never seen under its name."""
        place = {"Bucket": self._bucket, "Key": self._prefix + name}
        with path.open("rb") as file:
            first = file.read(PART_BYTES)
            if len(first) < PART_BYTES:
                self._asked(self._client.put_object, Body=first, **place)
                return
            upload = self._asked(self._client.create_multipart_upload, **place)
            place["UploadId"] = upload["UploadId"]
            try:
                parts: list[dict[str, object]] = []
                body = first
                while body:
                    number = len(parts) + 1
                    part = self._asked(
                        self._client.upload_part, Body=body, PartNumber=number, **place
                    )
                    parts.append({"ETag": part["ETag"], "PartNumber": number})
                    body = file.read(PART_BYTES)
                whole = {"Parts": parts}
                self._asked(self._client.complete_multipart_upload, MultipartUpload=whole, **place)
            except StoreFailed:
                # What was sent costs until it is given up.
                with suppress(StoreFailed):
                    self._asked(self._client.abort_multipart_upload, **place)
                raise

    def get(self, name: str, path: Path) -> None:
        """Write a backup into a file."""
        place = {"Bucket": self._bucket, "Key": self._prefix + name}
        body = self._asked(self._client.get_object, **place)["Body"]
        try:
            with path.open("wb") as file:
                while piece := body.read(_COPY_BYTES):
                    file.write(piece)
        except (BotoCoreError, OSError) as error:
            raise StoreFailed(f"{name} cannot be read from s3://{self._bucket}: {error}") from error
        finally:
            body.close()

    def delete(self, name: str) -> None:
        """Remove a backup."""
        self._asked(self._client.delete_object, Bucket=self._bucket, Key=self._prefix + name)

    def _asked(self, call: Callable[..., Any], **arguments: object) -> Any:  # noqa: ANN401 # as all of botocore
        try:
            return call(**arguments)
        except (ClientError, BotoCoreError) as error:
            raise StoreFailed(f"s3://{self._bucket} refuses or is away: {error}") from error
