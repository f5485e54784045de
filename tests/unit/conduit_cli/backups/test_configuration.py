"""What the environment says of backups."""

import base64

import pytest

from conduit_cli.backups.configuration import HOURS, KEPT, KEY, URL, backup_settings
from conduit_cli.backups.stores import FolderStore
from conduit_kernel.setting_names import known_names

ENV = {URL: "file:///srv/backups", KEY: base64.b64encode(bytes(32)).decode()}


def test_without_a_url_there_are_none() -> None:
    """Whatever else is set."""
    assert backup_settings({KEY: "x", HOURS: "x"}) is None


def test_the_rest_has_defaults() -> None:
    """A backup a day, of which two weeks are kept."""
    found = backup_settings(ENV)
    assert found is not None
    assert isinstance(found.store, FolderStore)
    assert (found.every_seconds, found.kept, found.key) == (86_400, 14, bytes(32))
    assert "key" not in repr(found)
    other = backup_settings({**ENV, HOURS: "6", KEPT: "3"})
    assert other is not None
    assert (other.every_seconds, other.kept) == (21_600, 3)
    assert {URL, KEY, HOURS, KEPT} <= known_names()


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({URL: "ftp://x/y"}, f"{URL}: a backup's URL is"),
        ({URL: "s3:///x"}, f"{URL}: a backup's URL is"),
        ({URL: "/srv"}, f"{URL}: a backup's URL is"),
        ({KEY: ""}, f"{KEY} is missing"),
        ({KEY: "canary"}, f"{KEY} "),
        ({KEY: base64.b64encode(b"canary").decode()}, f"{KEY} has 6 bytes"),
        ({HOURS: "0"}, f"{HOURS} must be a whole number from 1 to 8,784"),
        ({KEPT: "-1"}, f"{KEPT} must be a whole number"),
        ({KEPT: "9" * 9}, f"{KEPT} must be a whole number"),
    ],
)
def test_what_cannot_be_is_refused(changed: dict[str, str], problem: str) -> None:
    """By its name, and without the key."""
    with pytest.raises(ValueError, match=r"^CONDUIT_BACKUP") as caught:
        backup_settings({**ENV, **changed})
    assert str(caught.value).startswith(problem)
    assert "canary" not in str(caught.value)
