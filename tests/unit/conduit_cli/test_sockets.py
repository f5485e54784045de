"""The folder of the sockets by which the processes of a gateway speak to each other."""

from pathlib import Path

import pytest

from conduit_cli.sockets import MAX_PATH_BYTES, socket_folder


def test_nobody_else_can_enter(tmp_path: Path) -> None:
    """Wherever it is; it is gone at the end, with what is in it."""
    with socket_folder(tmp_path, {}) as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        assert len(bytes(folder)) <= MAX_PATH_BYTES + len("/conduit-12345678")
        (folder / "registry").touch()
    assert not folder.exists()


def test_a_users_own_folder_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the one for what passes, and last the data's, whose disk may be full."""
    (tmp_path / "run").mkdir()
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    env = {"XDG_RUNTIME_DIR": str(tmp_path / "run")}
    with socket_folder(tmp_path, env) as folder:
        assert folder.parent == tmp_path / "run"
    with socket_folder(tmp_path, {"XDG_RUNTIME_DIR": str(tmp_path / "none")}) as folder:
        assert folder.parent == tmp_path / "tmp"
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    with socket_folder(tmp_path, {}) as folder:
        assert folder.parent == tmp_path


def test_a_long_path_leads_elsewhere(tmp_path: Path) -> None:
    """As the address of a socket has few bytes."""
    deep = tmp_path / ("d" * MAX_PATH_BYTES)
    with socket_folder(tmp_path, {"XDG_RUNTIME_DIR": str(deep)}) as folder:
        assert deep not in folder.parents


def test_no_place_at_all_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than a port that others could take."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    with pytest.raises(FileNotFoundError), socket_folder(tmp_path / "nowhere", {}):
        pass
