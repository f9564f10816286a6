/** Images that came with a message: raster data alone, checked, and handed to the browser as a blob. */

import { h } from "../../dom/build";

const RASTER_IMAGE = /^data:(image\/(?:png|jpeg|gif|webp));base64,([A-Za-z0-9+/]+={0,2})$/;
/** Characters of a data URI that are still decoded. */
const LARGEST = 48_000_000;

/** How the bytes of each type begin; dots are bytes that may be any. */
const BEGINNINGS: Record<string, string> = {
  "image/png": "\x89PNG\r\n\x1a\n",
  "image/jpeg": "\xff\xd8\xff",
  "image/gif": "GIF8",
  "image/webp": "RIFF....WEBP",
};

/** The image number `number` of a message, from 1; what is no image that can be shown safely is told in words. */
export function imageView(number: number, source: string, agent: string): HTMLElement {
  const name = `Image ${number}`;
  const blob = decodedImage(source);
  if (blob) return h("figure", "nbs-image", picture(blob, agent ? `${name} from ${agent}` : name));
  return h("p", "nbs-label", `${name} is not shown: it is no PNG, JPEG, GIF or WebP image.`);
}

function picture(blob: Blob, alt: string): HTMLImageElement {
  const el = h("img");
  const url = URL.createObjectURL(blob);
  for (const end of ["load", "error"])
    el.addEventListener(end, () => URL.revokeObjectURL(url), { once: true });
  el.alt = alt;
  el.decoding = "async";
  el.src = url;
  return el;
}

function decodedImage(uri: string): Blob | null {
  const [, type, data] = (uri.length <= LARGEST && RASTER_IMAGE.exec(uri)) || [];
  if (!type || !data) return null;
  try {
    const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
    const fits = [...BEGINNINGS[type]!].every((sign, at) => sign === "." || sign.charCodeAt(0) === bytes[at]);
    return fits ? new Blob([bytes], { type }) : null;
  } catch {
    return null;
  }
}
