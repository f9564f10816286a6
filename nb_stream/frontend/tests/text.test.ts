import { describe, expect, test } from "vitest";
import { LiveCell } from "../src/comm/live_cell";
import { codePoints, digest, firstWords, skipCodePoints } from "../src/protocol/code_points";

describe("texts are measured as Python measures them", () => {
  test("code points, not UTF-16 units", () => {
    expect(codePoints("a😀é𝒳")).toBe(4);
    expect(skipCodePoints("a😀é𝒳", 2)).toBe("é𝒳");
  });

  test("the digest is zlib's CRC-32 of the UTF-8 text", () => {
    // Python: zlib.crc32(text.encode("utf-8", "replace"))
    expect(digest("123456789")).toBe(0xcbf43926);
    expect(digest("a😀é𝒳中")).toBe(0x3e32a085);
    expect(digest("\ud800")).toBe(digest("?"));
    expect(digest("")).toBe(0);
  });

  test("a digest continues where another ended", () => {
    expect(digest("😀é", digest("abc"))).toBe(digest("abc😀é"));
  });
});

describe("a live text takes appends by their offset", () => {
  test("astral characters count once, an overlap adds only what is new", () => {
    const live = new LiveCell({ id: "c1", kind: "text", status: "writing" });
    expect(live.append(0, "😀a")).toBe("applied");
    expect(live.append(1, "a😀b")).toBe("applied");
    expect(live.text).toBe("😀a😀b");
    expect(live.length).toBe(4);
    expect(live.digest).toBe(digest("😀a😀b"));
    expect(live.append(0, "😀a")).toBe("duplicate");
    expect(live.append(5, "x")).toBe("gap");
    expect(live.text).toBe("😀a😀b");
  });

  test("a text that continues the present one keeps what was painted", () => {
    const live = new LiveCell({ id: "c1", kind: "text", status: "writing" });
    live.append(0, "abc");
    live.replace("abcdef");
    expect([live.revision, live.pieces]).toEqual([0, ["abc", "def"]]);
    live.replace("xyz");
    expect([live.revision, live.text, live.length]).toEqual([1, "xyz", 3]);
  });
});

test("first words are one line and never half a character", () => {
  expect(firstWords(" a\n\n b\tc ")).toBe("a b c");
  expect(firstWords("ab😀d", 3)).toBe("ab…");
});
