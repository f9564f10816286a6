import { expect, test } from "vitest";
import { imageView } from "../src/views/transcript/images";

const base64 = (text: string) => btoa(text);
const PNG = `data:image/png;base64,${base64("\x89PNG\r\n\x1a\nrest")}`;

test("raster images of a message are shown as blobs, with a number and who sent them", () => {
  const data = [
    PNG,
    `data:image/jpeg;base64,${base64("\xff\xd8\xff\xe0rest")}`,
    `data:image/gif;base64,${base64("GIF89a")}`,
    `data:image/webp;base64,${base64("RIFF\x10\0\0\0WEBPVP8 ")}`,
  ];
  const shown = data.map((uri, index) => imageView(index + 1, uri, "poet").querySelector("img")!);
  expect(shown.map(({ alt }) => alt)).toEqual([1, 2, 3, 4].map((number) => `Image ${number} from poet`));
  for (const { src } of shown) expect(src).toMatch(/^blob:/);
});

test.each([
  ["an SVG image", `data:image/svg+xml;base64,${base64("<svg/>")}`],
  ["an address", "https://example.org/a.png"],
  ["what only says that it is a PNG", `data:image/png;base64,${base64("<svg onload=alert(1)>")}`],
  ["a GIF that says it is a PNG", `data:image/png;base64,${base64("GIF89a")}`],
  ["text that is not base64", "data:image/png;base64,<b>"],
  ["a data URI without base64", "data:image/png,abc"],
  ["something that is no text", { src: PNG }],
])("%s is told in words and never loaded", (_, value) => {
  const el = imageView(1, String(value), "poet");
  expect(el.querySelector("img")).toBeNull();
  expect(el.textContent).toMatch(/^Image 1 is not shown/);
});
