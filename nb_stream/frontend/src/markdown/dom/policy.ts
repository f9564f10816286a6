/**
 * Decides what links and images of a foreign text may become.
 *
 * A link has an absolute address with a known scheme. It opens in a new tab and says where it leads. An image is loaded
 * only if the reader asks for it, and sees from which host. A small raster image that stands in the text itself is
 * shown at once, because it needs no request.
 */

import { button, focusedIn, focusOn, h } from "../../dom/build";
import { opaque } from "../../dom/opaque";
import { picture, type RasterImage, rasterOf } from "../../dom/raster_image";
import { appendText } from "../../dom/safe_text";
import type { Target } from "../parse/link_targets";

/**
 * How links and images are made. Tests have a policy of their own, for the examples of the CommonMark specification.
 */
export interface Policy {
  /** The element around the text of a link; null if the text must stand without a link. */
  link(target: Target): HTMLElement | null;
  /** Called once the text of the link stands in `el`. */
  endLink(el: HTMLElement, target: Target): void;
  image(target: Target, alt: string): Node;
}

const SCHEMES = new Set(["http:", "https:", "mailto:"]);
/** Bytes of an image inside the text. */
const MAX_IMAGE_BYTES = 1_000_000;
/** Characters of an address that is no link and is said behind the text of one. */
const MAX_SAID_CHARS = 200;
/** Addresses of images that the reader has asked for on this page. */
const allowedAddresses = new Set<string>();

export const safePolicy: Policy = {
  link({ href }) {
    const url = absolute(href);
    if (!url) return isWorthSaying(href) ? h("span", "nbs-target") : null;
    const el = h("a", "nbs-link");
    el.href = url.href;
    el.rel = "noopener noreferrer nofollow";
    el.target = "_blank";
    el.referrerPolicy = "no-referrer";
    return el;
  },

  endLink(el, { href }) {
    const url = absolute(href);
    const said = url ? destinationOf(url) : href;
    if (url ? saysItself(el.textContent, url) : el.textContent.trim() === href) return;
    const host = h("span", "nbs-host");
    appendText(host, ` (${said})`);
    el.append(host);
  },

  image({ href }, alt) {
    const image = ownImage(href, alt);
    if (image) return image;
    const url = absolute(href);
    if (!url || url.protocol === "mailto:") return missingImage(alt);
    if (allowedAddresses.has(url.href)) return shown(url.href, url.href, alt);
    return opaque(imageButton(url, alt), `image ${url.href} ${alt}`);
  },
};

/** For a page that may load nothing: an image that does not stand in the text is a link to it. */
export const offlinePolicy: Policy = {
  ...safePolicy,
  image(target, alt) {
    const image = ownImage(target.href, alt);
    if (image) return image;
    const el = target.href.startsWith("mailto:") ? null : safePolicy.link(target);
    if (!el) return missingImage(alt);
    appendText(el, alt === "" ? "[image]" : `[image: ${alt}]`);
    safePolicy.endLink(el, target);
    return opaque(el, `image ${target.href} ${alt}`);
  },
};

/** The image whose data is the address itself; null if there is none, or if it is too large. */
function ownImage(href: string, alt: string): HTMLImageElement | null {
  const image = rasterOf(href, MAX_IMAGE_BYTES * 1.4);
  return image && image.bytes.length <= MAX_IMAGE_BYTES ? shown(image, href, alt) : null;
}

/**
 * The address, if a reader may follow it. Relative addresses may not be: they would lead to the notebook's own server.
 */
function absolute(href: string): URL | null {
  try {
    const url = new URL(href);
    return SCHEMES.has(url.protocol) ? url : null;
  } catch {
    return null;
  }
}

/** Whether a reader learns something from an address that is no link: from the path of a file, and not from pixels. */
function isWorthSaying(href: string): boolean {
  return (
    href !== "" && !href.startsWith("#") && href.length <= MAX_SAID_CHARS && !/^(?:data|blob):/i.test(href)
  );
}

/** The host or the mail address to which `url` leads, as the browser reads it. */
function destinationOf(url: URL): string {
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

function shown(image: string | RasterImage, href: string, alt: string): HTMLImageElement {
  return opaque(picture(image, alt, "nbs-picture"), `image ${href} ${alt}`);
}

function imageButton(url: URL, alt: string): HTMLElement {
  const name = alt === "" ? "" : ` «${alt}»`;
  const el = button("nbs-load-image", `Load image${name} from ${destinationOf(url)}`, "", () => {
    allowedAddresses.add(url.href);
    const image = shown(url.href, url.href, alt);
    const focused = focusedIn(el);
    el.replaceWith(image);
    if (!focused) return;
    image.tabIndex = -1;
    focusOn(image);
  });
  return el;
}

function missingImage(alt: string): HTMLElement {
  const el = h("span", "nbs-no-image");
  appendText(el, alt === "" ? "[image]" : `[image: ${alt}]`);
  return el;
}
