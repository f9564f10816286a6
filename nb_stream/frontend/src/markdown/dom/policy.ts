/**
 * What links and images of foreign text may become.
 *
 * A link is absolute, of a known scheme, opens in a new tab and says where it leads. An image is loaded only when the
 * reader asks for it, with the host in view; small raster images inside the text itself need no request.
 */

import { button, focusedIn, h } from "../../dom/build";
import { appendText, plain } from "../../dom/safe_text";
import type { Target } from "../parse/link_targets";
import { opaque } from "./opaque";

/** How links and images are made; the tests have another one, for the examples of the specification. */
export interface Policy {
  /** The element around the text of a link; null where the text stands alone. */
  link(target: Target): HTMLElement | null;
  /** Called when the text of the link is in it. */
  endLink(el: HTMLElement, target: Target): void;
  image(target: Target, alt: string): Node;
}

const SCHEMES = new Set(["http:", "https:", "mailto:"]);
const RASTER_PREFIX = /^data:(image\/(?:png|jpeg|gif|webp));base64,/i;
/** Bytes of an image inside the text. */
const MAX_IMAGE = 1_000_000;
/** Addresses that the reader has asked for in this page. */
const allowed = new Set<string>();

export const safePolicy: Policy = {
  link({ href }) {
    const url = absolute(href);
    if (!url) return null;
    const el = h("a", "nbs-link");
    el.href = url.href;
    el.rel = "noopener noreferrer nofollow";
    el.target = "_blank";
    el.referrerPolicy = "no-referrer";
    return el;
  },

  endLink(el, { href }) {
    const url = absolute(href);
    if (!url || saysItself(el.textContent, url)) return;
    el.append(h("span", "nbs-host", ` (${placeOf(url)})`));
  },

  image({ href }, alt) {
    const data = rasterOf(href);
    if (data) return opaque(picture(data, alt, true), `image ${href} ${alt}`);
    const url = absolute(href);
    if (!url || url.protocol === "mailto:") return missingImage(alt);
    if (allowed.has(url.href)) return opaque(picture(url.href, alt), `image ${url.href} ${alt}`);
    return opaque(imageButton(url, alt), `image ${url.href} ${alt}`);
  },
};

/** The address, where it is one that may be followed. Relative ones would lead to the notebook's own server. */
function absolute(href: string): URL | null {
  try {
    const url = new URL(href);
    return SCHEMES.has(url.protocol) ? url : null;
  } catch {
    return null;
  }
}

/** The host, or the address that mail goes to, as the browser takes it. */
function placeOf(url: URL): string {
  return url.protocol === "mailto:" ? decodedAddress(url.pathname) : url.host;
}

/** Whether the text of a link is the address itself, so that the reader sees where it leads. */
function saysItself(text: string, url: URL): boolean {
  const shown = text.trim();
  if (url.protocol === "mailto:") return shown === decodedAddress(url.pathname);
  if (url.username || url.password || url.host.includes("xn--") || /[^\x21-\x7e]/.test(shown)) return false;
  const bare = shown.replace(/^https?:\/\//i, "");
  return bare.split(/[/?#]/, 1)[0]!.toLowerCase() === url.host;
}

function decodedAddress(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A `blob:` address for the raster image that `href` holds. */
function rasterOf(href: string): string | null {
  if (href.length > MAX_IMAGE * 1.4) return null;
  const [head, type] = RASTER_PREFIX.exec(href) ?? [];
  if (!head || !type) return null;
  try {
    const bytes = Uint8Array.from(atob(href.slice(head.length)), (character) => character.charCodeAt(0));
    return bytes.length === 0 || bytes.length > MAX_IMAGE
      ? null
      : URL.createObjectURL(new Blob([bytes], { type: type.toLowerCase() }));
  } catch {
    return null;
  }
}

function picture(src: string, alt: string, isBlob = false): HTMLImageElement {
  const el = h("img", "nbs-picture");
  el.alt = plain(alt);
  el.referrerPolicy = "no-referrer";
  el.decoding = "async";
  if (isBlob) {
    for (const event of ["load", "error"]) {
      el.addEventListener(event, () => URL.revokeObjectURL(src), { once: true });
    }
  }
  el.src = src;
  return el;
}

function imageButton(url: URL, alt: string): HTMLElement {
  const name = alt === "" ? "" : ` «${alt}»`;
  const el = button("nbs-load-image", `Load image${name} from ${placeOf(url)}`, "", () => {
    allowed.add(url.href);
    const image = opaque(picture(url.href, alt), `image ${url.href} ${alt}`);
    const focused = focusedIn(el);
    el.replaceWith(image);
    if (!focused) return;
    image.tabIndex = -1;
    image.focus({ preventScroll: true });
  });
  return el;
}

function missingImage(alt: string): HTMLElement {
  const el = h("span", "nbs-no-image");
  appendText(el, alt === "" ? "[image]" : `[image: ${alt}]`);
  return el;
}
