"""Ids of requests in as few bytes as others: what is before them is the same for nearly all."""

from collections.abc import Callable

import sqlalchemy as sa
from alembic import op

from conduit_kernel.ids import pack_id, unpack_id

revision = "v0015"
down_revision = "v0014"

_PIECE = 5_000
_AS_TEXT, _REQUEST = b"\xff", "req_"


def upgrade() -> None:
    """Pack them."""
    _repack(pack_id)


def downgrade() -> None:
    """Write them as text again."""
    _repack(_as_text)


def _as_text(name: str) -> bytes:
    return _AS_TEXT + name.encode() if name.startswith(_REQUEST) else pack_id(name)


def _repack(pack: Callable[[str], bytes]) -> None:
    connection, kind = op.get_bind(), sa.LargeBinary()
    charges = sa.table("billing_charges", sa.column("id", kind), sa.column("request_id", kind))
    name, request_id = charges.c.id, charges.c.request_id
    change = (
        charges.update().where(name == sa.bindparam("of")).values(request_id=sa.bindparam("to"))
    )
    query = sa.select(name, request_id).order_by(name).limit(_PIECE)
    rows = connection.execute(query).all()
    while rows:
        packed = {bytes(of): (bytes(was), pack(unpack_id(bytes(was)))) for of, was in rows}
        changed = [{"of": of, "to": to} for of, (was, to) in packed.items() if was != to]
        if changed:
            connection.execute(change, changed)
        rows = connection.execute(query.where(name > rows[-1][0])).all()
