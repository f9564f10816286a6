/** Images that came with a message: raster data alone, checked, and handed to the browser as a blob. */

import { h } from "../../dom/build";
import { picture, type RasterImage, rasterOf } from "../../dom/raster_image";

/** Characters of a data URI that are still decoded. */
const MAX_URI_CHARS = 48_000_000;

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
