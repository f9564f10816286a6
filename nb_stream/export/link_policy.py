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
_PORT = re.compile(r"(.*?)(?::([0-9]{0,5}))?", re.DOTALL)
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f#%/:<>?@\[\\\]^|]")
_MAX_SAID_CHARS = 200
_STANDARD_PORTS = {"http": "80", "https": "443"}
_IN_USER = "%!$&'()*+,~"
# What browsers leave as it is in the parts of an address.
_IN_PATH, _IN_QUERY, _IN_FRAGMENT = "%!$&'()*+,/:;=@[]~|^", "%!$&()*+,/:;=?@[]~|{}^`\\", "%!#$&'()*+,/:;=?@[]~|{}^\\"


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
        path = quote(rest, safe=_IN_FRAGMENT + "`")
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
    before, hash_sign, fragment = rest.partition("#")
    path, question_mark, query = before.partition("?")
    path = quote(_without_dots(path.replace("\\", "/")), safe=_IN_PATH)
    query = question_mark + quote(query, safe=_IN_QUERY)
    fragment = hash_sign + quote(fragment, safe=_IN_FRAGMENT)
    name_part, colon, password = user.partition(":")
    written = f"{quote(name_part, safe=_IN_USER)}{colon}{quote(password, safe=_IN_USER)}{at}" if user else ""
    is_plain = not at and "xn--" not in host
    return Address(f"{name}://{written}{host}{path}{query}{fragment}", host, is_plain)


def relative_target(href: str) -> str:
    """An address that is no link, if a reader learns something from it: from the path of a file, and not from pixels.
    Else empty."""
    is_said = href and not href.startswith("#") and len(href) <= _MAX_SAID_CHARS
    return href if is_said and not re.match("(?:data|blob):", href, re.IGNORECASE) else ""


def says_itself(text: str, target: Address) -> bool:
    """Whether the text of a link is the address itself, so that the reader sees where it leads."""
    text = text.strip()
    if target.href.startswith("mailto:"):
        return text == target.destination
    if not target.is_plain or re.search(r"[^\x21-\x7e]", text):
        return False
    bare = re.sub(r"^https?://", "", text, flags=re.IGNORECASE)
    return re.split(r"[/?#]", bare, maxsplit=1)[0].lower() == target.destination


def _without_dots(path: str) -> str:
    """A path without the parts that mean "here" and "above"."""
    parts: list[str] = []
    for part in path.split("/")[1:]:
        plain = re.sub("%2e", ".", part, flags=re.IGNORECASE)
        if plain == "..":
            del parts[-1:]
        elif plain != ".":
            parts.append(part)
    is_folder = re.search(r"/(?:\.|%2e){1,2}$", path, re.IGNORECASE) is not None
    return "/" + "/".join([*parts, ""] if is_folder else parts)


def _host(text: str) -> str | None:
    """A host as browsers write it; None if they would not take it, or if only they know what it means."""
    if text.startswith("["):
        try:
            is_whole = text.endswith("]") and "%" not in text
            return f"[{ipaddress.IPv6Address(text[1:-1]).compressed}]" if is_whole else None
        except ValueError:
            return None
    import idna

    if re.search("[\u200c\u200d]", text):
        return None  # browsers decide by the characters around
    try:
        host = idna.uts46_remap(unquote(text), std3_rules=False, transitional=False)
        host = ".".join(
            label if label.isascii() else f"xn--{label.encode('punycode').decode()}" for label in host.split(".")
        )
    except (idna.IDNAError, UnicodeError):
        return None
    if not host or len(host) > 253 or _FORBIDDEN.search(host):
        return None
    return _ipv4(host) if re.search(r"(?:^|\.)(?:\d+|0x[0-9a-f]*)\.?$", host) else host


def _ipv4(host: str) -> str | None:
    """A host that ends in a number, as browsers read it: with octal and hexadecimal numbers, the last of which fills
    the rest."""
    parts = host.removesuffix(".").split(".")
    try:
        numbers = [_number_of(part) for part in parts]
    except ValueError:
        return None
    if len(numbers) > 4 or any(number > 255 for number in numbers[:-1]) or numbers[-1] >= 256 ** (5 - len(numbers)):
        return None
    before = sum(number << 8 * (3 - place) for place, number in enumerate(numbers[:-1]))
    return str(ipaddress.IPv4Address(before + numbers[-1]))


def _number_of(part: str) -> int:
    if part.startswith("0x"):
        return int(part[2:] or "0", 16)
    return int(part, 8) if part.startswith("0") and part != "0" else int(part)
