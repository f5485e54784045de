"""Runs migrations with Alembic. Apart from `database`, because Alembic is slow to import."""

from pathlib import Path

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from conduit_kernel.database import version_table
from conduit_kernel.errors import ServiceUnavailable

BASE = "base"


def migrate(connection: Connection, service: str, migrations: Path, target: str) -> None:
    """Bring a service's tables to a revision, up or down, in the connection's transaction.

    `BASE` means no tables. ServiceUnavailable if the database is at a revision not in the folder.
    """
    scripts = ScriptDirectory(migrations, version_locations=[migrations])
    context = MigrationContext.configure(connection, opts={"version_table": version_table(service)})
    current = context.get_current_revision()
    known = {script.revision for script in scripts.walk_revisions()}
    if current and current not in known:
        message = f"The database of the {service} service is at {current}, of a newer version"
        raise ServiceUnavailable(message, service=service)
    with Operations.context(context):
        if target == BASE or (current and target < current):
            _down(context, scripts, current, target)
        else:
            _up(context, scripts, current, target)


def _up(
    context: MigrationContext, scripts: ScriptDirectory, current: str | None, target: str
) -> None:
    for script in reversed(list(scripts.iterate_revisions(target, current or BASE))):
        script.module.upgrade()
        context.stamp(scripts, script.revision)


def _down(
    context: MigrationContext, scripts: ScriptDirectory, current: str | None, target: str
) -> None:
    for script in scripts.iterate_revisions(current, target):
        script.module.downgrade()
        context.stamp(scripts, str(script.down_revision or BASE))
