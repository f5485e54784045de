"""Makes the configuration what a document says, within one transaction."""

from conduit_registry.configuration.caller_import import CallerImport
from conduit_registry.configuration.editor import Editor
from conduit_registry.configuration.import_run import ImportRun
from conduit_registry.configuration.plan import Plan
from conduit_registry.configuration.problems import Problems
from conduit_registry.configuration.provider_import import ProviderImport
from conduit_registry.configuration.routing_import import RoutingImport


class Import:
    """One import. `lines` has one line for each change, in order; `kept` what was not named."""

    def __init__(
        self,
        editor: Editor,
        plan: Plan,
        *,
        is_rehearsal: bool,
        keeps_others: bool = False,
        problems: Problems | None = None,
    ) -> None:
        """Take what shall be.

        - In a rehearsal the values of new virtual keys are not returned.
        - `keeps_others` leaves what a section does not name; otherwise it is removed.
        - `problems` may collect what is wrong; the transaction is to be undone if there is any.
        """
        problems = problems or Problems(collects=False)
        self._plan = plan
        self._run = ImportRun(
            editor, problems, is_rehearsal=is_rehearsal, keeps_others=keeps_others
        )

    @property
    def lines(self) -> list[str]:
        """Return what was changed, a line each."""
        return self._run.lines

    @property
    def kept(self) -> list[str]:
        """Return what the document does not name, and stays."""
        return self._run.kept

    async def run(self) -> None:
        """Do it all. InvalidRequest, naming the place, if something cannot be."""
        plan = self._plan
        instances = await ProviderImport(self._run, plan).apply()
        routing = RoutingImport(self._run, instances, plan.unsound)
        if plan.mappings is not None:
            await routing.mappings(plan.mappings)
        if plan.chains is not None:
            await routing.chains(plan.chains)
        callers = CallerImport(self._run)
        if plan.groups is not None:
            await callers.groups(plan.groups)
        if plan.virtual_keys is not None:
            await callers.virtual_keys(plan.virtual_keys)
        await callers.finish()
