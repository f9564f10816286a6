"""Finds addresses that become links by themselves (GFM 6.9), as `frontend/src/markdown/parse/autolinks.ts`."""

from __future__ import annotations

import re
import unicodedata

BARE_ADDRESS = re.compile(r"(?<![^\W_])https?://|(?:^|(?<=[\s*_~(]))www\.", re.IGNORECASE)
"""The beginning of a bare address. `www.` begins one only behind a space or a delimiter."""

_WEB_SCHEME = re.compile(r"https?://", re.IGNORECASE)
_ADDRESS_PIECE = re.compile(r"[\x00-\x08\x0e-\x1f!#-;=?-\x7f]+|[^\x00-\x7f]")
_HOST_END = re.compile(r"(?:[?!.,:*_~'\")]|&[A-Za-z0-9]+;)*(?=[\s<]|$)")
"""Punctuation behind a host that ends the address: no path follows."""

_MAX_HOST_CHARS = 253
_LOCAL_PART = re.compile(r"[A-Za-z0-9.+_-]{1,64}$")
_MAIL_HOST = re.compile(r"@[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+")
_ENTITY = re.compile(r"&[A-Za-z0-9]+;$")


def bare_address(text: str, at: int, limit: int) -> tuple[str, str] | None:
    """The address that begins at `at`, and where it leads; None if it is none. The text ends at `limit`."""
    scheme = _WEB_SCHEME.match(text, at, limit)
    begin = scheme.end() if scheme else at
    # The host is read first. If it is none, the rest is not read: it can hold many more beginnings like this one.
    host = _host_in(text[begin : min(limit, begin + _MAX_HOST_CHARS + 10)])
    if not host or len(host) > _MAX_HOST_CHARS:
        return None
    is_alone = _HOST_END.match(text, begin + len(host), limit) is not None
    found = _trimmed(text[at : begin + len(host)]) if is_alone else ""
    if is_alone:
        host = _host_in(found[begin - at :])
    if not host or re.search(r"_[^.]*(?:\.[^.]*)?$", host):
        return None
    if scheme is None and not re.match(r"www\.[^.]", host, re.IGNORECASE):
        return None
    found = found or _trimmed(text[at : _end_of_address(text, at, limit)])
    return found, found if scheme else f"http://{found}"


def mail_address(before: str, text: str) -> tuple[str, str] | None:
    """The local part of a mail address at the end of `before`, and its host with the `@` at the beginning of `text`."""
    local, host = _LOCAL_PART.search(before[-64:]), _MAIL_HOST.match(text)
    if local is None or host is None or host[0][-1] in "-_" or text[host.end() : host.end() + 1] == "@":
        return None
    return local[0], host[0]


def _end_of_address(text: str, at: int, limit: int) -> int:
    """Where the address ends. Quotation marks end it, as in HTML and JSON, which stand in texts as they are. So does
    punctuation that is not ASCII, as in texts without spaces: `https://a.example/b。`."""
    for found in _ADDRESS_PIECE.finditer(text, at, limit):
        character = found[0][0]
        ends = character > "\x7f" and (character.isspace() or unicodedata.category(character)[0] == "P")
        if found.start() != at or ends:
            break
        at = found.end()
    return at


def _host_in(text: str) -> str:
    end = next((at for at, character in enumerate(text) if not _is_of_host(character)), len(text))
    return text[:end].split("..", 1)[0].removesuffix(".")


def _is_of_host(character: str) -> bool:
    if character in "<>":
        return False
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
