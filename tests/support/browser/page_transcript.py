"""What a page has of a transcript, read through what the panel exports to other widgets, and what its kernel has."""

from __future__ import annotations

import ast
import json
from typing import Any

from tests.support.browser.jupyter import Notebook

READER = '''
import anywidget
from nb_stream.wire.protocol import cell_whole, run_row

class Reader(anywidget.AnyWidget):
    """Lends the page what the panel exports."""
    _esm = """export default { async render({ model, host }) {
        window.__panel = (await host.getWidget(model.get("panel"))).exports;
    } }"""
    panel = anywidget.WidgetTrait().tag(sync=True)
'''
"""For a cell: `Reader(panel=panel)` beside the panel makes `SHOWN` possible."""

SHOWN = "JSON.stringify({cells: window.__panel.cells, runs: window.__panel.runs, state: window.__panel.state})"
READY = "() => window.__panel !== undefined"


def kernels(book: Notebook) -> dict[str, Any]:
    """What the kernel has, in the form of `SHOWN`."""
    said = book.evaluate(
        "__import__('json').dumps({'cells': [cell_whole(c) for c in panel.transcript.cells],"
        " 'runs': [run_row(r) for r in panel.transcript.runs], 'state': panel.state})"
    )
    return dict(json.loads(ast.literal_eval(said)))
