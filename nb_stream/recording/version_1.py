"""Lines of version 1, which nb_stream 0.1 wrote, as lines of version 2. The two differ in the unit of their times.

Version 1 has seconds as floats. In a line of chunks, `after` counts the steps from one 64-bit float to the next
(IEEE 754) that lie between a chunk and the one before it.
"""

from __future__ import annotations

import itertools
import operator
from array import array
from collections.abc import Iterable, Mapping
from typing import Any

from ..core.typed_json import time_of
from .chunk_batch import microseconds


def upgraded(values: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a line of version 2. Raises ValueError, TypeError or OverflowError for a time that is none."""
    changed: dict[str, Any] = {
        name: microseconds(time_of(values[name])) for name in ("at", "until") if values.get(name) is not None
    }
    if values["event"] == "chunks":
        times = [microseconds(time_of(time)) for time in _times(values["at"], values["after"])]
        changed["after"] = list(map(operator.sub, times, [changed["at"], *times]))
    return {**values, **changed}


def _times(first: float, steps: Iterable[int]) -> array[float]:
    """The times that lie so many steps behind each other. The first step is 0."""
    start = array("q", array("d", (first,)).tobytes())[0]
    return array("d", array("q", itertools.islice(itertools.accumulate(steps, initial=start), 1, None)).tobytes())
