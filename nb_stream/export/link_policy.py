"""Decides where links of a foreign text may lead: the panel's rule (`frontend/src/markdown/dom/policy.ts`).

A link has an absolute address with a known scheme, and says where it leads. So its address is read as browsers read it
(WHATWG URL): what is written behind a link must be where a click leads.
"""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import quote, unquote

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_AUTHORITY = re.compile(r"[/\\]*([^/\\?#]*)(.*)", re.DOTALL)
_PORT = re.compile(r"(.*?)(?::(\d{0,5}))?", re.DOTALL)
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f#%/:<>?@\[\\\]^|]")
_STANDARD_PORTS = {"http": "80", "https": "443"}
_KEPT = "%!#$&'()*+,/:;=?@[]~|{}^`"  # what `quote` leaves as it is


MAX_SAID_CHARS = 200
"""Characters of an address that is no link and is said behind the text of one."""


class Address(NamedTuple):
    """The address of a link: as an attribute, and the words that say where it leads."""

    href: str
    destination: str
    is_plain: bool
    """Whether a reader can tell the destination from the address itself."""


def address(href: str) -> Address | None:
    """The address, if a reader may follow it; None for a relative one or one with another scheme."""
    href = re.sub(r"[\t\n\r]", "", href.strip("".join(map(chr, range(0x21)))))
    scheme = _SCHEME.match(href)
    if scheme is None:
        return None
    name, rest = scheme[1].lower(), href[scheme.end() :]
    if name == "mailto":
        path = quote(rest, safe=_KEPT)
        return Address(f"mailto:{path}", unquote(path.split("?", 1)[0].split("#", 1)[0]), True)
    if name not in _STANDARD_PORTS:
        return None
    authority = _AUTHORITY.fullmatch(rest)
    if authority is None:
        return None
    user, at, place = authority[1].rpartition("@")
    port = _PORT.fullmatch(place)
    host = _host(port[1]) if port is not None else None
    if port is None or not host:
        return None
    if port[2] and port[2] != _STANDARD_PORTS[name]:
        if int(port[2]) > 65535:
            return None
        host += f":{int(port[2])}"
    rest = authority[2] if authority[2].startswith(("/", "\\")) else f"/{authority[2]}"
    path, query = re.fullmatch(r"([^?#]*)(.*)", rest, re.DOTALL).groups()  # type: ignore[union-attr]
    written = quote(user, safe="%!$&'()*+,;=:~") + at
    is_plain = not at and "xn--" not in host
    quoted = quote(path.replace("\\", "/"), safe=re.sub("[{}`]", "", _KEPT)) + quote(query, safe=_KEPT + "\\")
    return Address(f"{name}://{written}{host}{quoted}", host, is_plain)


def worth_saying(href: str) -> bool:
    """Whether a reader learns something from an address that is no link: from the path of a file, not from pixels."""
    is_data = re.match("(?:data|blob):", href, re.IGNORECASE) is not None
    return href != "" and not href.startswith("#") and len(href) <= MAX_SAID_CHARS and not is_data


def says_itself(text: str, target: Address) -> bool:
    """Whether the text of a link is the address itself, so that the reader sees where it leads."""
    text = text.strip()
    if target.href.startswith("mailto:"):
        return text == target.destination
    if not target.is_plain or re.search(r"[^\x21-\x7e]", text):
        return False
    bare = re.sub(r"^https?://", "", text, flags=re.IGNORECASE)
    return re.split(r"[/?#]", bare, maxsplit=1)[0].lower() == target.destination


def _host(text: str) -> str | None:
    """A host as browsers write it; None if they would not take it, or if only they know what it means."""
    if text.startswith("["):
        try:
            is_whole = text.endswith("]") and "%" not in text
            return f"[{ipaddress.IPv6Address(text[1:-1]).compressed}]" if is_whole else None
        except ValueError:
            return None
    import idna

    try:
        host = idna.uts46_remap(unquote(text), std3_rules=False, transitional=False)
        host = ".".join(
            label if label.isascii() else f"xn--{label.encode('punycode').decode()}" for label in host.split(".")
        )
    except (idna.IDNAError, UnicodeError):
        return None
    if not host or len(host) > 253 or _FORBIDDEN.search(host):
        return None
    if re.search(r"(?:^|\.)(?:\d+|0x[0-9a-f]*)\.?$", host):  # browsers read these as numbers
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            return None
    return host
