"""Shows JSON values: a list of flat objects as a table, any other value as a tree that folds. As
`frontend/src/views/transcript/data_view.ts`, except that everything stands on the page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .highlighted_code import html_text
from .summary import counted

_MAX_TABLE_COLUMNS = 12
_OPEN_LEVELS = 2
_MAX_TREE_LEVELS = 24
_PLAIN_STRING = re.compile(r"(?!(?:true|false|null)\Z|[-\d.][\d.eE+-]*\Z)\S(?:.*\S)?", re.DOTALL)
_NUMBER_TOKEN = re.compile(r"\d[\d.eE+-]{15,}")


def parsed_json(text: str) -> Any:
    """The list or object that a JSON text holds, with its numbers as they were written. None if it is something else,
    if it is empty, or if it is nested too deeply."""
    if text.lstrip()[:1] not in ("[", "{"):
        return None
    try:
        return json.loads(text, parse_float=_Number, parse_int=_Number, parse_constant=_Number) or None
    except (ValueError, RecursionError):
        return None


class _Number(str):
    """A number as it was written: no digit of a long one is lost."""


def html_data(value: Any) -> Iterator[str]:
    """The list or object as HTML."""
    columns = _columns_of(value)
    if columns:
        yield from _record_table(value, columns)
    else:
        yield from _tree(value, 0)


def _columns_of(value: Any) -> list[str]:
    """The names of the fields of a list of flat objects; none if `value` is anything else."""
    if not isinstance(value, list) or len(value) < 2:
        return []
    columns: dict[str, None] = {}
    for row in value:
        if not isinstance(row, dict) or any(isinstance(field, (dict, list)) for field in row.values()):
            return []
        columns.update(dict.fromkeys(row))
        if len(columns) > _MAX_TABLE_COLUMNS:
            return []
    return list(columns)


def _record_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Iterator[str]:
    yield '<div class="nbs-data" tabindex="0" role="group" aria-label="Table"><table><thead><tr>'
    yield "".join(f'<th scope="col">{html_text(name)}</th>' for name in columns)
    yield "</tr></thead><tbody>"
    for row in rows:
        yield "<tr>" + "".join(f"<td>{_scalar(row[name]) if name in row else ''}</td>" for name in columns) + "</tr>"
    yield "</tbody></table></div>\n"


def _tree(value: Any, depth: int) -> Iterator[str]:
    if depth > _MAX_TREE_LEVELS:
        yield f'<pre class="nbs-source">{html_text(_written(value))}</pre>'
        return
    is_list = isinstance(value, list)
    entries = enumerate(value) if is_list else value.items()
    yield '<ul class="nbs-tree">'
    for name, entry in entries:
        key = f'<span class="nbs-key{" nbs-is-index" if is_list else ""}">{html_text(str(name))}</span> '
        if not isinstance(entry, (dict, list)):
            yield f"<li>{key}{_scalar(entry)}</li>"
        elif not entry:
            yield f'<li>{key}<span class="nbs-size">no {"item" if isinstance(entry, list) else "field"}s</span></li>'
        else:
            size = counted(len(entry), "item" if isinstance(entry, list) else "field")
            yield f'<li><details class="nbs-branch"{" open" if depth + 1 < _OPEN_LEVELS else ""}>'
            yield f'<summary>{key}<span class="nbs-size">{size}</span></summary>'
            yield from _tree(entry, depth + 1)
            yield "</details></li>"
    yield "</ul>\n"


def _scalar(value: Any) -> str:
    is_string = isinstance(value, str) and not isinstance(value, _Number)
    kind = "string" if is_string else "number" if isinstance(value, _Number) else "boolean"
    # A text that looks like a number or another value keeps its quotes.
    shown = value if is_string and _PLAIN_STRING.fullmatch(value) else _written(value)
    return f'<span class="nbs-value" data-type="{kind}">{html_text(shown)}</span>'


def _written(value: Any) -> str:
    """A value as JSON, with its numbers as they were written."""
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        return (
            "{" + ", ".join(f"{json.dumps(name, ensure_ascii=False)}: {_written(v)}" for name, v in value.items()) + "}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(map(_written, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
