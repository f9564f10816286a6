/**
 * Raster images whose data came with a text. The browser gets their bytes as a blob and makes no request.
 *
 * SVG is left out: an SVG image is a document of its own, which can name other addresses.
 */

import { h } from "./build";
import { plain } from "./safe_text";

const DATA_URI = /^data:(image\/(?:png|jpeg|gif|webp));base64,([a-z0-9+/\s]+(?:=\s*){0,2})$/i;

export interface RasterImage {
  readonly type: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** The image that the data URI `uri` of at most `limit` characters holds; null if it holds none. */
export function rasterOf(uri: string, limit: number): RasterImage | null {
  const [, type, data] = (uri.length <= limit && DATA_URI.exec(uri)) || [];
  if (!type || !data) return null;
  try {
    const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
    return { type: type.toLowerCase(), bytes };
  } catch {
    return null;
  }
}

/** An element that shows `image`, which is an address or holds its own bytes. */
export function picture(image: string | RasterImage, alt: string, className = ""): HTMLImageElement {
  const el = h("img", className);
  el.alt = plain(alt);
  el.referrerPolicy = "no-referrer";
  el.decoding = "async";
  if (typeof image === "string") el.src = image;
  else {
    const url = URL.createObjectURL(new Blob([image.bytes], image));
    for (const end of ["load", "error"]) {
      el.addEventListener(end, () => URL.revokeObjectURL(url), { once: true });
    }
    el.src = url;
  }
  return el;
}
