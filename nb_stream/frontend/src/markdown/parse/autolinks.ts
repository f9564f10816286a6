/** Finds addresses that become links by themselves: in angle brackets (CommonMark 6.5), or bare (GFM 6.9). */

import type { Target } from "./link_targets";

/** An address as it stands in the text, and the target to which it leads. */
export interface Address extends Target {
  readonly text: string;
  /** Characters of the source that it takes. */
  readonly length: number;
}

const URI = /<([A-Za-z][A-Za-z0-9.+-]{1,31}:[^<>\0-\x20]*)>/y;
const HOST_LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?";
const MAIL = new RegExp(`<([a-zA-Z0-9.!#$%&'*+/=?^_\`{|}~-]+@${HOST_LABEL}(?:\\.${HOST_LABEL})*)>`, "y");

/** The beginning of a bare address. `www.` begins one only behind a space or a delimiter. */
export const BARE = /(?<![\p{L}\p{N}])https?:\/\/|(?<=^|[\s*_~(])www\./giu;
/**
 * Quotation marks end an address, as in HTML and JSON, which stand in texts as they are. So does punctuation that is not
 * ASCII, as in texts without spaces: `https://a.example/b。`.
 */
const BARE_HERE = /(?:https?:\/\/|www\.)(?:[!#-;=?-~]|[^\s"<>\p{P}])+/iuy;
const HOST = /^(?:https?:\/\/|(?=www\.))((?:[\p{L}\p{N}\p{S}_-]+\.)*[\p{L}\p{N}\p{S}_-]+)/iu;
/** Characters of a host (RFC 1035). A longer one stays text. */
const MAX_HOST_CHARS = 253;
/** Punctuation behind a host that ends the address: no path follows. */
const HOST_END = /(?:[?!.,:*_~'")]|&[A-Za-z0-9]+;)*(?=[\s<]|$)/y;
const OPEN_ADDRESS =
  /<(?:[A-Za-z][A-Za-z0-9.+-]{0,31}(?::[^<>\0-\x20]*)?|[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9.-]*)?$/y;
/** Characters of an address that are held back until it is complete. */
const MAX_OPEN_ADDRESS_CHARS = 500;
const MAX_LOCAL_PART_CHARS = 64;
const LOCAL_PART = /[A-Za-z0-9.+_-]+$/;
const MAIL_HOST = /@[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+/y;

/** The address in angle brackets at `at`. */
export function bracketedAddress(text: string, at: number): Address | null {
  for (const [pattern, scheme] of [
    [URI, ""],
    [MAIL, "mailto:"],
  ] as const) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match) return address(match[1]!, scheme, match[0].length);
  }
  return null;
}

/** Whether `text` ends in the beginning, at `at`, of a possible address in angle brackets. */
export function isOpenAddress(text: string, at: number): boolean {
  OPEN_ADDRESS.lastIndex = at;
  return text.length - at <= MAX_OPEN_ADDRESS_CHARS && OPEN_ADDRESS.test(text);
}

/** The bare address at `at`, which is a match of `BARE`. */
export function bareAddress(text: string, at: number): Address | null {
  // The host is read first. If it is none, the rest is not read: it can hold many more beginnings like this one.
  let [begin, host] = HOST.exec(text.slice(at, at + MAX_HOST_CHARS + 10).split(/[<>]/, 1)[0]!) ?? [];
  if (!begin || !host || host.length > MAX_HOST_CHARS) return null;
  HOST_END.lastIndex = at + begin.length;
  const isAlone = HOST_END.test(text);
  if (isAlone) {
    begin = trim(begin);
    host = HOST.exec(begin)?.[1];
  }
  const isBare = /^www\./i.test(text.slice(at, at + 4));
  if (!host || /_[^.]*(?:\.[^.]*)?$/.test(host) || (isBare && !/^www\.[^.]/i.test(host))) return null;
  BARE_HERE.lastIndex = at;
  const found = isAlone ? begin : trim(BARE_HERE.exec(text)?.[0] ?? "");
  return address(found, isBare ? "http://" : "", found.length);
}

/** The mail address whose `@` stands at `at`. `before` is the text in front of it, which may end in its local part. */
export function mailAddress(text: string, at: number, before: string): Address | null {
  const local = LOCAL_PART.exec(before.slice(-MAX_LOCAL_PART_CHARS))?.[0];
  MAIL_HOST.lastIndex = at;
  const host = MAIL_HOST.exec(text)?.[0];
  if (!local || !host || /[-_]$/.test(host) || text[at + host.length] === "@") return null;
  return address(local + host, "mailto:", local.length + host.length);
}

function address(text: string, scheme: string, length: number): Address {
  return { text, href: scheme + text, title: "", length };
}

/** `found` without the punctuation and the parenthesis at its end that belong to the sentence around the address. */
function trim(found: string): string {
  let end = found.length;
  let unopened = 0;
  for (const character of found) unopened += character === ")" ? 1 : character === "(" ? -1 : 0;
  for (;;) {
    const last = found[end - 1];
    if (last === undefined) return "";
    if ("?!.,:*_~'\"".includes(last)) end--;
    else if (last === ")" && unopened > 0) {
      unopened--;
      end--;
    } else if (last === ";") {
      const begin = found.lastIndexOf("&", end - 1);
      if (begin < 0 || !/^&[A-Za-z0-9]+;$/.test(found.slice(begin, end))) return found.slice(0, end);
      end = begin;
    } else return found.slice(0, end);
  }
}
