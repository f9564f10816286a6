"""Finds addresses that become links by themselves (GFM 6.9), as `frontend/src/markdown/parse/autolinks.ts`."""

from __future__ import annotations

import re
import unicodedata

BARE_ADDRESS = re.compile(r"(?<![^\W_])https?://|(?:^|(?<=[\s*_~(]))www\.", re.IGNORECASE)
"""The beginning of a bare address. `www.` begins one only behind a space or a delimiter."""

_WEB_SCHEME = re.compile(r"https?://", re.IGNORECASE)
_UP_TO_SPACE = re.compile(r"[^\s<\">]+")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_MAX_HOST_CHARS = 253
_LOCAL_PART = re.compile(r"[A-Za-z0-9.+_-]{1,64}$")
_MAIL_HOST = re.compile(r"@[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+")
_ENTITY = re.compile(r"&[A-Za-z0-9]+;$")


def bare_address(text: str) -> tuple[str, str] | None:
    """The address with which a text begins, and where it leads; None if it is none."""
    scheme = _WEB_SCHEME.match(text)
    found = _trimmed(_address_chars(text))
    begin = scheme.end() if scheme else 0
    host = _host_in(found[begin : begin + _MAX_HOST_CHARS + 10])
    if not host or len(host) > _MAX_HOST_CHARS or re.search(r"_[^.]*(?:\.[^.]*)?$", host):
        return None
    if scheme is None and not re.match(r"www\.[^.]", host, re.IGNORECASE):
        return None
    return found, found if scheme else f"http://{found}"


def mail_address(before: str, text: str) -> tuple[str, str] | None:
    """The local part of a mail address at the end of `before`, and its host with the `@` at the beginning of `text`."""
    local, host = _LOCAL_PART.search(before[-64:]), _MAIL_HOST.match(text)
    if local is None or host is None or host[0][-1] in "-_" or text[host.end() : host.end() + 1] == "@":
        return None
    return local[0], host[0]


def _address_chars(text: str) -> str:
    """The beginning of a text up to a space. Punctuation that is not ASCII ends an address, too, as in texts without
    spaces: `https://a.example/b。`."""
    found = _UP_TO_SPACE.match(text)
    for other in _NOT_ASCII.finditer(found[0]) if found else ():
        if unicodedata.category(other[0])[0] == "P":
            return text[: other.start()]
    return found[0] if found else ""


def _host_in(text: str) -> str:
    end = next((at for at, character in enumerate(text) if not _is_of_host(character)), len(text))
    return text[:end].split("..", 1)[0].removesuffix(".")


def _is_of_host(character: str) -> bool:
    return character in "._-" or character.isalnum() or unicodedata.category(character)[0] == "S"


def _trimmed(found: str) -> str:
    """The address without the punctuation at its end that belongs to the sentence around it."""
    unopened = found.count(")") - found.count("(")
    while found:
        if found[-1] in "?!.,:*_~'\"":
            found = found.rstrip("?!.,:*_~'\"")
        elif found[-1] == ")" and unopened > 0:
            unopened -= 1
            found = found[:-1]
        elif found[-1] == ";" and (entity := _ENTITY.search(found)):
            found = found[: entity.start()]
        else:
            break
    return found
