"""Each kind of failure of a disk, at each call that meets it: loops live on, nothing is lost."""

import contextlib
import errno
import io
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.faults.charging_gateway import Gateway, serving, serving_ledger
from tests.support.disk import refuse
from tests.support.spools import closed_segment
from tests.support.waiting import eventually

from conduit.v1.charge_pb2 import Charge
from conduit_kernel.background import Loop

CALLS = ("write", "fsync", "open", "unlink", "rename", "scandir", "listdir")
# The loops that need nobody but the disk and Billing.
OWN = ("spool_sync", "refused_charges", "charge_delivery", "spool_adoption", "snapshot_file")
# What `Path.open` and its kin call; all others are the module `os`'s.
OF_PATHS = "open_path"


def concerning(folder: Path) -> Callable[..., bool]:
    """Return whether a call is about something in a folder, by its path or its number."""

    def concerns(what: int | str | os.PathLike[str], *_: object) -> bool:
        path = Path(f"/proc/self/fd/{what}").readlink() if isinstance(what, int) else Path(what)
        return path.is_relative_to(folder)

    return concerns


@contextlib.contextmanager
def strangers_untouched() -> Iterator[None]:
    """Take the numbers that are free for connections; nothing may arrive at one."""
    ends = [end for _ in range(8) for end in socket.socketpair()]
    try:
        yield
        for end in ends:
            with pytest.raises(BlockingIOError):
                end.recv(1, socket.MSG_DONTWAIT)
    finally:
        for end in ends:
            end.close()


def left_behind(folder: Path) -> None:
    """Leave what a killed process leaves: three charges, that in the middle damaged by the disk."""
    charges = (Charge(id=name, request_id=name) for name in ("left1", "left2", "left3"))
    path = closed_segment(folder / "elsewhere", *(each.SerializeToString() for each in charges))
    path.write_bytes(path.read_bytes().replace(b"left2", b"LEFT2"))
    path.parent.rename(folder / "router" / "spool" / path.parent.name)


def loops(gateway: Gateway) -> dict[str, Loop]:
    """Return all loops by name."""
    return {each.name: each for each in gateway.background.loops}


async def delivery_has_gone_on(gateway: Gateway) -> None:
    """Wait until the loop that delivers charges has begun and ended another step."""
    delivery = loops(gateway)["charge_delivery"]
    aim = delivery.steps + 2

    async def has_gone_on() -> bool:
        return delivery.steps >= aim

    await eventually(has_gone_on)


@pytest.mark.parametrize("code", ["ENOSPC", "EROFS", "EIO"])
@pytest.mark.parametrize("call", [*CALLS, OF_PATHS])
async def test_every_loop_outlasts_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: str
) -> None:
    """Calls go on; once the disk is well, Billing has each charge once, and all is as before."""
    module, name = (io, "open") if call == OF_PATHS else (os, call)
    async with serving_ledger() as ledger, serving(tmp_path, billing=ledger.target) as gateway:
        answers = [await gateway.chat()]
        left_behind(tmp_path)
        with monkeypatch.context() as patch, strangers_untouched():
            number = getattr(errno, code)
            refused = refuse(patch, name, number, when=concerning(tmp_path), module=module)
            # With Billing and without it, so that segments are begun, removed and kept.
            for ledger.is_away in (False, True, False):
                answers += [await gateway.chat() for _ in range(3)]
                await delivery_has_gone_on(gateway)
            assert refused
        answers.append(await gateway.chat())
        assert [answer.status_code for answer in answers] == [200] * 11
        asked = {answer.headers["x-conduit-request-id"] for answer in answers}

        async def is_well() -> bool:
            has_all = set(ledger.requests) == asked | {"left1", "left3"}
            return has_all and not any(loops(gateway)[name].problem for name in OWN)

        await eventually(is_well)
        assert set(ledger.requests.values()) == {1}
        assert len(list(tmp_path.rglob("*.damaged"))) == 1
        assert "it has ended" not in {each.problem for each in loops(gateway).values()}
        assert gateway.process.problems() == []
