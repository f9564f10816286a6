import { describe, expect, test } from "vitest";
import { ESSAY } from "../../dev/essay";
import { all } from "../helpers";
import { Chance } from "./documents";
import { begin, write } from "./write";

/** Characters that come at once, as in a frame of the screen. */
const PIECE_CHARS = 64;

const KINDS: Record<string, string> = {
  mixed: ESSAY,
  fence: `\`\`\`python\n${"total = sum(values)  # of all\n".repeat(4000)}`,
  list: "- an item with *some* words\n",
  "nested list": "- a\n  - *b*\n    - c\n",
  quote: "> somebody said `this`\n>\n",
  table: `| a | b |\n|---|---|\n${"| one | *two* |\n".repeat(7000)}`,
  paragraph: "words of a paragraph, *some* strong. ",
  "emphasis that does not end": "*words and ",
  "links that do not end": "[words](and ",
  formulas: "so $x_1 = \\frac{a}{b}$ holds\n\n",
};

describe("what is read grows as the text does", () => {
  test.each(Object.entries(KINDS))(
    "%s",
    (_, unit) => {
      const factors = [20_000, 100_000].map((length) => factorOf(unit, length));
      expect(Math.max(...factors)).toBeLessThanOrEqual(12);
    },
    120_000,
  );

  test.each([1, 4])("also where it comes in pieces of %d", (piece) => {
    expect(factorOf(ESSAY, 10_000, piece)).toBeLessThanOrEqual(12);
  });
});

function factorOf(unit: string, length: number, piece = PIECE_CHARS): number {
  const text = unit.repeat(Math.ceil(length / unit.length)).slice(0, length);
  const { writer } = begin();
  for (let at = 0; at < text.length; at += piece) writer.write(text.slice(at, at + piece));
  writer.end();
  return writer.read / text.length;
}

test("what is finished is never touched again", async () => {
  const { el, writer } = begin();
  document.body.append(el);
  const finished = new Set<Node>();
  const touched: string[] = [];
  const observer = new MutationObserver((records) => {
    for (const { target, type } of records) {
      if (finished.has(target))
        touched.push(`${type} ${target.nodeName} ${target.textContent?.slice(0, 40)}`);
    }
  });
  observer.observe(el, { attributes: true, characterData: true, childList: true, subtree: true });
  const text = ESSAY.repeat(2);
  for (let at = 0; at < text.length; at += 11) {
    writer.write(text.slice(at, at + 11));
    await Promise.resolve();
    // All blocks but the last one, which may be open, with all elements in them.
    const blocks = [...el.querySelectorAll(":scope > *, :scope > .nbs-bundle > .nbs-blocks > *")].slice(
      0,
      -1,
    );
    for (const block of blocks) {
      if (block.matches(".nbs-bundle") || finished.has(block)) continue;
      finished.add(block);
      const walker = document.createTreeWalker(block);
      for (let node = walker.nextNode(); node; node = walker.nextNode()) finished.add(node);
    }
  }
  writer.end();
  await Promise.resolve();
  observer.disconnect();
  el.remove();
  expect(finished.size).toBeGreaterThan(400);
  expect(touched).toEqual([]);
});

test.each([
  ["short", "words", "auto"],
  ["long", "words ".repeat(2000), "ltr"],
  ["long, of signs only", "[".repeat(9000), "ltr"],
  ["long, from right to left", "1. מילים ".repeat(2000), "rtl"],
])("the browser looks for the direction of a text only while it is short: %s", (_, text, direction) => {
  for (const shape of [text, `| a |\n|---|\n| ${text} |`]) {
    const whole = write([shape]).el;
    expect(all(whole, "p, td").map(({ dir }) => dir)).toEqual([direction]);
    expect(write(new Chance(3).cut(shape, 900)).el.isEqualNode(whole)).toBe(true);
  }
});
