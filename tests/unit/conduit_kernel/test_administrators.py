"""Whose token it is, and when it is nobody's any more."""

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from conduit.internal.v1.snapshot_pb2 import SnapshotAdministrator
from conduit.v1.administrator_pb2 import Administrator
from conduit.v1.administrator_session_pb2 import AdministratorSession
from conduit.v1.role_pb2 import ROLE_OPERATOR, ROLE_OWNER, ROLE_VIEWER
from conduit_kernel.administrators import TOKEN_START, Administrators, token_of
from conduit_kernel.auth_errors import AdministratorTokenInvalid
from conduit_kernel.secrets import Vault
from conduit_kernel.sessions import Session, seal_session
from conduit_kernel.snapshot import SnapshotState
from conduit_kernel.token_sessions import TokenSession, master_key_digest, seal_token_session

OLD, NEW = bytes(32), bytes(range(32))
TOKEN = f"{TOKEN_START}anna"
NOW = 1_000_000.0


def entry(vault: Vault, token: str = TOKEN, **fields: object) -> SnapshotAdministrator:
    """Return an administrator as the Registry reports it."""
    administrator = Administrator(id=1, name="anna", role=ROLE_OPERATOR, is_enabled=True)
    administrator.MergeFrom(Administrator(**fields))  # type: ignore[arg-type] # fields by name
    return SnapshotAdministrator(administrator=administrator, hash=vault.hash(token))


def known(*entries: SnapshotAdministrator, vault: Vault | None = None) -> Administrators:
    """Know these."""
    administrators = Administrators(vault or Vault(NEW), lambda: NOW)
    administrators.replace(entries, [session(7)])
    return administrators


@pytest.mark.parametrize(
    ("authorization", "token"),
    [
        (f"Bearer {TOKEN}", TOKEN),
        (f"bearer  {TOKEN} ", TOKEN),
        ("Bearer condt_1", ""),
        (TOKEN, ""),
        (f"Basic {TOKEN}", ""),
        ("", ""),
    ],
)
def test_tokens_are_told_from_virtual_keys(authorization: str, token: str) -> None:
    """By how they begin: no virtual key is like one."""
    assert token_of(authorization) == token


def test_a_token_is_its_administrators() -> None:
    """With the role that it has now."""
    assert known(entry(Vault(NEW))).identify(TOKEN).role == ROLE_OPERATOR


def test_a_token_outlives_a_change_of_the_encryption_key() -> None:
    """As long as the former one is known."""
    made = entry(Vault(OLD))
    assert known(made, vault=Vault(NEW, OLD)).identify(TOKEN).name == "anna"
    with pytest.raises(AdministratorTokenInvalid):
        known(made, vault=Vault(NEW)).identify(TOKEN)


@pytest.mark.parametrize("token", ["", "condt_admin_", f"{TOKEN}x", TOKEN[:-1], TOKEN.upper()])
def test_another_token_is_nobodys(token: str) -> None:
    """However like one it is."""
    with pytest.raises(AdministratorTokenInvalid, match="unknown"):
        known(entry(Vault(NEW))).identify(token)


def test_whoever_is_not_reported_any_more_is_unknown() -> None:
    """At once."""
    administrators = known(entry(Vault(NEW)))
    administrators.replace([], [])
    with pytest.raises(AdministratorTokenInvalid, match="unknown"):
        administrators.identify(TOKEN)


def test_a_disabled_administrator_is_refused() -> None:
    """With a word of why, for whoever holds the token."""
    disabled = entry(Vault(NEW))
    disabled.administrator.is_enabled = False
    with pytest.raises(AdministratorTokenInvalid, match="disabled"):
        known(disabled).identify(TOKEN)


@pytest.mark.parametrize(("seconds", "is_taken"), [(1, True), (0, False), (-1, False)])
def test_a_token_ends_at_its_date(seconds: int, is_taken: bool) -> None:  # noqa: FBT001 # of a table
    """Not a second later."""
    ends = Timestamp(seconds=int(NOW) + seconds)
    administrators = known(entry(Vault(NEW), expires_at=ends))
    if is_taken:
        assert administrators.identify(TOKEN).id == 1
    else:
        with pytest.raises(AdministratorTokenInvalid, match="expired"):
            administrators.identify(TOKEN)


@pytest.mark.parametrize(("seconds", "is_taken"), [(1, True), (0, False)])
def test_a_former_token_ends_at_its_date(seconds: int, is_taken: bool) -> None:  # noqa: FBT001 # of a table
    """The present one does not."""
    until = Timestamp(seconds=int(NOW) + seconds)
    made = entry(Vault(NEW), former_token_until=until)
    made.former_hash = Vault(NEW).hash(f"{TOKEN}-former")
    administrators = known(made)
    assert administrators.identify(TOKEN).id == 1
    if is_taken:
        assert administrators.identify(f"{TOKEN}-former").id == 1
    else:
        with pytest.raises(AdministratorTokenInvalid, match="expired"):
            administrators.identify(f"{TOKEN}-former")


def test_a_former_token_outlives_no_administrator() -> None:
    """It ends with the present one, whatever was said of its own end."""
    ends, until = Timestamp(seconds=int(NOW)), Timestamp(seconds=int(NOW) + 60)
    made = entry(Vault(NEW), expires_at=ends, former_token_until=until)
    made.former_hash = Vault(NEW).hash(f"{TOKEN}-former")
    with pytest.raises(AdministratorTokenInvalid, match="expired"):
        known(made).identify(f"{TOKEN}-former")


def session(
    number: int = 1, began_at: int = 5, expires_at: float = NOW + 1
) -> AdministratorSession:
    """Return the session of somebody who has logged in."""
    made = AdministratorSession(id=number, name="sub-1 anna", role=ROLE_VIEWER)
    made.created_at.FromMicroseconds(began_at)
    made.expires_at.FromMicroseconds(int(expires_at * 1_000_000))
    return made


def test_a_session_has_the_role_that_the_registry_reports() -> None:
    """Not one of its own: groups change. It is nobody's administrator, so it has no id."""
    token = seal_session(Vault(NEW), Session(1, 5))
    administrators = Administrators(Vault(NEW), lambda: NOW)
    state = SnapshotState()
    state.administrator_sessions[1] = session()
    administrators.learn(state)
    found = administrators.identify(token)
    assert (found.id, found.name, found.role) == (0, "sub-1 anna", ROLE_VIEWER)
    state.administrator_sessions[1].role = ROLE_OPERATOR
    administrators.learn(state)
    assert administrators.identify(token).role == ROLE_OPERATOR


@pytest.mark.parametrize(
    ("kept", "why"),
    [
        ([], "ended"),
        ([session(2)], "ended"),
        # An id that was given again.
        ([session(began_at=6)], "ended"),
        ([session(expires_at=NOW)], "expired"),
    ],
)
def test_a_session_that_is_not_kept_is_none(kept: list[AdministratorSession], why: str) -> None:
    """Though its token is one of ours."""
    administrators = Administrators(Vault(NEW), lambda: NOW)
    administrators.replace([], kept)
    with pytest.raises(AdministratorTokenInvalid, match=why):
        administrators.identify(seal_session(Vault(NEW), Session(1, 5)))


KEPT = Session(7, 5)


def logged_in(administrators: Administrators, **session: str) -> Administrator:
    """Return who has logged in with a credential, an hour from its end."""
    made = TokenSession(KEPT, int(NOW) + 3600, **session)
    return administrators.identify(seal_token_session(Vault(NEW), made))


def test_whoever_logged_in_with_a_token_is_its_administrator_as_long_as_it_is_taken() -> None:
    """With the role of now: a token that ends has no session left."""
    administrators = known(entry(Vault(NEW)))
    assert logged_in(administrators, token=TOKEN).id == 1
    administrators.replace([entry(Vault(NEW), role=ROLE_VIEWER)], [session(7)])
    assert logged_in(administrators, token=TOKEN).name == "anna"
    for gone in ([], [entry(Vault(NEW), token=f"{TOKEN}2")]):
        administrators.replace(gone, [session(7)])
        with pytest.raises(AdministratorTokenInvalid):
            logged_in(administrators, token=TOKEN)


def test_whoever_logged_in_with_the_master_key_is_an_owner_until_there_is_another_one() -> None:
    """Where it is known; nothing that others say of it counts."""
    shown = {"master_key_digest": master_key_digest("master")}
    administrators = Administrators(Vault(NEW), lambda: NOW, master_key="master")
    administrators.replace([], [session(7)])
    assert logged_in(administrators, **shown).role == ROLE_OWNER
    for key in ("another", ""):
        other = Administrators(Vault(NEW), lambda: NOW, master_key=key)
        other.replace([], [session(7)])
        with pytest.raises(AdministratorTokenInvalid, match="another master key"):
            logged_in(other, **shown)
    for wrong in ({"master_key_digest": "x"}, {"master_key_digest": ""}, {}):
        with pytest.raises(AdministratorTokenInvalid):
            logged_in(administrators, **wrong)
        with pytest.raises(AdministratorTokenInvalid):
            logged_in(Administrators(Vault(NEW), lambda: NOW), **wrong)


def test_a_login_with_a_credential_ends_by_itself() -> None:
    """As does one of a session within a session, which nobody can make longer than it is."""
    administrators = known(entry(Vault(NEW)))
    ended = seal_token_session(Vault(NEW), TokenSession(KEPT, int(NOW), token=TOKEN))
    within = seal_token_session(Vault(NEW), TokenSession(KEPT, int(NOW) + 1, token=ended))
    for token in (ended, within, f"{ended}x"):
        with pytest.raises(AdministratorTokenInvalid):
            administrators.identify(token)


@pytest.mark.parametrize("kept", [[], [session(8)], [session(7, began_at=6)]])
def test_a_login_with_a_credential_ends_when_the_registry_ends_it(
    kept: list[AdministratorSession],
) -> None:
    """Though its credential is taken still."""
    administrators = Administrators(Vault(NEW), lambda: NOW, master_key="master")
    administrators.replace([entry(Vault(NEW))], kept)
    for shown in ({"token": TOKEN}, {"master_key_digest": master_key_digest("master")}):
        with pytest.raises(AdministratorTokenInvalid, match="has ended"):
            logged_in(administrators, **shown)
