"""The parts of the front end, as `frontend/` builds them into `static/`: a page may ask the kernel for them, and an
interactive export holds them."""

from __future__ import annotations

import functools
import hashlib
import pathlib

STATIC = pathlib.Path(__file__).parents[1] / "static"

ON_DEMAND = ("math", "extras")
"""The parts that are sent only when a page asks for them."""


@functools.cache
def module_source(part: str) -> str:
    """The source of a part, such as "panel"; an ES module."""
    return (STATIC / f"{part}.js").read_text("utf-8")


@functools.cache
def digested(part: str) -> str:
    """The name under which pages wait for the part "panel" or "extras". It contains a digest, so that versions never
    mix."""
    return f"{part}.{hashlib.sha256(module_source(part).encode()).hexdigest()[:12]}"
