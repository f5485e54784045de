"""What every service does for its database beside its calls."""

from sqlalchemy.ext.asyncio import AsyncEngine

from conduit_kernel.background import Background
from conduit_kernel.database import CHECKPOINT_SECONDS, Checkpointer
from conduit_kernel.database_check import watch_database


def keep_database(background: Background, engine: AsyncEngine, service: str) -> None:
    """Look whether it answers, which readiness depends on, and keep SQLite's file a backup."""
    watch_database(background, engine, service)
    checkpointer = Checkpointer(engine)
    background.run(
        "checkpoint", checkpointer.run, every=CHECKPOINT_SECONDS, when=checkpointer.waiting
    )
