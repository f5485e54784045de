"""No modules import each other in a circle, not even for type checkers."""

from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp


def circle_in(graph: grimp.ImportGraph) -> list[str]:
    """Return modules of which each imports the next, and the last the first; none if there are."""
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_modules_import_each_other_in_a_circle(root: Path) -> None:
    """So each can be read, and tested, after those below it."""
    packages = [each.name for each in (root / "services").iterdir() if each.is_dir()]
    graph = grimp.build_graph(*packages, exclude_type_checking_imports=False, cache_dir=None)
    assert len(graph.modules) > 400
    assert circle_in(graph) == []


def test_a_circle_is_found() -> None:
    """Whoever closes it."""
    graph = grimp.ImportGraph()
    for importer, imported in (("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")):
        graph.add_import(importer=importer, imported=imported)
    assert {*circle_in(graph)} == {"a", "b", "c"}
