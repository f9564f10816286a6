"""A transcript as JSON. `schemas/transcript.schema.json` describes it; `recording.reader.load` reads it back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..recording.codec import dumps


def pieces(values: Mapping[str, Any]) -> Iterator[str]:
    """What `Transcript.to_dict` gives, as the text of a file, a line for each cell; NaN is null there, as in
    recordings."""
    yield "{"
    for place, (name, value) in enumerate(values.items()):
        yield f"{',' if place else ''}\n{dumps(name)}: "
        if isinstance(value, list) and value:
            yield "[\n"
            for row, item in enumerate(value, 1):
                yield dumps(item) + (",\n" if row < len(value) else "\n")
            yield "]"
        else:
            yield dumps(value)
    yield "\n}\n"
