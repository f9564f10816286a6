"""Writes a transcript as JSON, so that other programs can read it, and so can `recording.reader.load_transcript`.
`schemas/transcript.schema.json` describes the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..recording.codec import dumps


def pieces(values: Mapping[str, Any]) -> Iterator[str]:
    """The values of `Transcript.to_dict` as the text of a file, with one line for each cell. NaN is written as null, as
    in recordings."""
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
