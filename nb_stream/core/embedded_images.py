"""Takes images out of the text of a tool's result, so that a reader sees the picture and not its letters.

A result is a text for the model, so an image stands in it as base64: frameworks write it as `[Image: …]`, MCP tools as
a field of JSON, and functions of a user's own as a data URI.
"""

from __future__ import annotations

import re

_TYPES = {"iVBORw0KGgo": "image/png", "/9j/": "image/jpeg", "R0lGOD": "image/gif", "UklGR": "image/webp"}
"""The letters with which each type of image begins in base64."""

_BASE64 = "[A-Za-z0-9+/]"
_DATA = (
    rf"(?:(?:iVBORw0KGgo|R0lGOD[ld]h|UklGR{_BASE64}{{6}}XRUJQ){_BASE64}{{24}}|/9j/(?:4A|4Q|2w|7g){_BASE64}{{200}})"
    rf"{_BASE64}*={{0,2}}"
)
_EMBEDDED = re.compile(
    rf"\[Image: (?P<shown>{_DATA})\]|(?<![A-Za-z0-9+/=])(?:data:image/[a-z]+;base64,)?(?P<bare>{_DATA})"
)


def without_images(text: str, first: int = 1) -> tuple[str, list[str]]:
    """The text with `[image 1]` in the place of each image, and the images as data URIs. They are counted from
    `first`. A text without images comes back as it is."""
    images: list[str] = []

    def taken(found: re.Match[str]) -> str:
        data = found["shown"] or found["bare"]
        kind = next(kind for letters, kind in _TYPES.items() if data.startswith(letters))
        images.append(f"data:{kind};base64,{data}")
        return f"[image {first + len(images) - 1}]"

    return _EMBEDDED.sub(taken, text), images
