/** Shows images that came with a message. Only raster data is shown, after its first bytes are checked. */

import { h } from "../../dom/build";
import { picture, type RasterImage, rasterOf } from "../../dom/raster_image";

/** Characters of a data URI; a longer one is not decoded. */
const MAX_URI_CHARS = 48_000_000;

/** The first bytes of each type. A dot stands for any byte. */
const BEGINNINGS: Record<string, string> = {
  "image/png": "\x89PNG\r\n\x1a\n",
  "image/jpeg": "\xff\xd8\xff",
  "image/gif": "GIF8",
  "image/webp": "RIFF....WEBP",
};

/** The image number `number` of a message, from 1. If `source` holds no image that is safe to show, a sentence. */
export function imageView(number: number, source: string, agent: string): HTMLElement {
  const name = `Image ${number}`;
  const image = rasterOf(source, MAX_URI_CHARS);
  if (image && beginsAsItsType(image)) {
    return h("figure", "nbs-image", picture(image, agent ? `${name} from ${agent}` : name));
  }
  return h("p", "nbs-label", `${name} is not shown: it is no PNG, JPEG, GIF or WebP image.`);
}

/** Whether the bytes are what their type says: nothing else is given to the decoder of the browser. */
function beginsAsItsType({ type, bytes }: RasterImage): boolean {
  return [...BEGINNINGS[type]!].every((sign, at) => sign === "." || sign.charCodeAt(0) === bytes[at]);
}
