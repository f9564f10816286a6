"""Makes texts that can be encoded as UTF-8.

Models, tools and JSON decoders hand over halves of surrogate pairs, which UTF-8 does not know. One such half would keep
a frame from being sent and a file from being written.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

_SURROGATE = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """The text with each pair of surrogates as the character that it means, and each lone one as U+FFFD."""
    if text.isascii() or _SURROGATE.search(text) is None:
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def clean_start(text: str) -> tuple[str, str]:
    """The cleaned text without the first half of a pair at its very end, and that half: the second half may still
    come with the next piece."""
    if text and "\ud800" <= text[-1] <= "\udbff":
        return clean(text[:-1]), text[-1]
    return clean(text), ""


def cleaned(value: Any) -> Any:
    """A dataclass, mapping, list or tuple with all its texts cleaned. If nothing changes, it is the same object."""
    if isinstance(value, str):
        return clean(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        old = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        new = {name: cleaned(part) for name, part in old.items()}
        changes = {name: part for name, part in new.items() if part is not old[name]}
        return dataclasses.replace(value, **changes) if changes else value
    if isinstance(value, Mapping):
        mapping = {cleaned(key): cleaned(part) for key, part in value.items()}
        same = all(key in mapping and mapping[key] is part for key, part in value.items())
        return value if same else mapping
    if isinstance(value, (list, tuple)):
        parts = [cleaned(part) for part in value]
        return value if all(a is b for a, b in zip(parts, value, strict=True)) else type(value)(parts)
    return value
