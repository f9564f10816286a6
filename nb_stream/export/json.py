"""A transcript as JSON. `schemas/transcript.schema.json` describes it; `nb_stream.recording.load` reads it back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any


def pieces(values: Mapping[str, Any]) -> Iterator[str]:
    """What `Transcript.to_dict` gives, as the text of a file, a line for each cell."""
    encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=str).encode
    yield "{"
    for place, (name, value) in enumerate(values.items()):
        yield f"{',' if place else ''}\n{encode(name)}: "
        if isinstance(value, list) and value:
            yield "[\n"
            for row, item in enumerate(value, 1):
                yield encode(item) + (",\n" if row < len(value) else "\n")
            yield "]"
        else:
            yield encode(value)
    yield "\n}\n"
