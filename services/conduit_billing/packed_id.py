"""A column of ids: text to the code, and in the database as few bytes as it takes."""

from sqlalchemy import Dialect, LargeBinary, TypeDecorator

from conduit_kernel.ids import pack_id, unpack_id


class PackedId(TypeDecorator[str]):
    """Stores the ids that `IdSource` makes in 16 bytes, which sort as they do."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        """Return what is stored."""
        return None if value is None else pack_id(value)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:
        """Return what was stored."""
        return None if value is None else unpack_id(value)
