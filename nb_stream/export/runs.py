"""Groups the cells of a transcript by run, in the order in which every export shows them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..core.model import Cell, RunInfo


def by_run(cells: Sequence[Cell], runs: Sequence[RunInfo]) -> Iterator[tuple[RunInfo | None, list[Cell]]]:
    """Each run with its cells. Cells that belong to no run come last, with None."""
    known = {run.id for run in runs}
    of_run: dict[str | None, list[Cell]] = {}
    for cell in cells:
        of_run.setdefault(cell.run if cell.run in known else None, []).append(cell)
    for run in runs:
        yield run, of_run.get(run.id, [])
    if None in of_run:
        yield None, of_run[None]
