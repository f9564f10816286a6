/** What cannot be seen is not on the page, and is the same when it comes again. */

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ESSAY } from "../dev/essay";
import { foldedIn, isFolded } from "../src/dom/folded";
import { Folding, GrowingEnd, type Units } from "../src/dom/folding";
import { finishIn } from "../src/dom/portions";
import { codeBlock } from "../src/markdown/dom/code_view";
import { MarkdownWriter, renderMarkdown } from "../src/markdown/stream/markdown_writer";
import { checkNow } from "../src/markdown/stream/recheck";
import { all, one, random } from "./helpers";
import { Chance } from "./markdown/documents";
import { services, write } from "./markdown/write";
import { ScriptedObserver, scriptObservers } from "./observer";

let restore = () => {};
beforeEach(() => {
  restore = scriptObservers();
});
afterEach(() => {
  document.body.replaceChildren();
  restore();
});

interface Scene {
  readonly el: HTMLElement;
  readonly folding: Folding;
  writer(units?: Units): MarkdownWriter;
  observer(): ScriptedObserver;
}

function scene(): Scene {
  const el = document.createElement("div");
  const scroller = document.createElement("div");
  scroller.append(el);
  document.body.append(scroller);
  const folding = new Folding(scroller);
  folding.watch(scroller, new AbortController().signal);
  const writer = (units: Units = folding) => new MarkdownWriter(el, { ...services(), folding: units });
  return { el, folding, writer, observer: () => ScriptedObserver.made.at(-1)! };
}

function countIn(el: Element): number {
  let count = 0;
  const walker = document.createTreeWalker(el, NodeFilter.SHOW_ELEMENT);
  while (walker.nextNode()) count++;
  return count;
}

const repeated = (unit: string, length: number) =>
  unit.repeat(Math.ceil(length / unit.length)).slice(0, length);

function deepList(length: number): string {
  const item = (depth: number) => `${"  ".repeat(depth)}- an item with *some* words\n`;
  const way = Array.from({ length: 20 }, (_, depth) => item(depth)).join("");
  return way + repeated(item(20), length);
}

const STRUCTURES: Record<string, (length: number) => string> = {
  "mixed text": (length) => repeated(ESSAY, length),
  "one paragraph": (length) => repeated("Words that do not end, *some* of them strong. ", length),
  "a list 20 deep": deepList,
  "items of one list": (length) => repeated("1. an item with *some* words\n", length),
  "a table": (length) => `| a | b | c |\n|---|---|---|\n${repeated("| one | *two* | 3 |\n", length)}`,
  "lines of code": (length) => `~~~python\n${repeated("total = sum(x * 2 for x in values)\n", length)}`,
  links: (length) => repeated("[a link](https://a.example/page) and ", length),
  formulas: (length) => repeated("so $x_1 + y^2 = \\frac{a}{b}$ holds and ", length),
  quotes: (length) => repeated("> A sentence, and `code` in it.\n>\n", length),
  "a word": (length) => repeated("Donaudampfschifffahrtsgesellschaft", length),
  "a word of code": (length) => `~~~\n${repeated("x", length)}`,
  "emphasized letters": (length) => repeated("*a*", length),
};

describe("the elements of a text that grows are few, whatever was written", () => {
  test.each(Object.entries(STRUCTURES))("%s", (_, text) => {
    const counts = [20_000, 100_000].map((length) => {
      const { el, folding, writer, observer } = scene();
      const end = new GrowingEnd(folding, el);
      end.limits = { elements: 1200, chars: 4096 };
      const writing = writer(end);
      let most = 0;
      for (const piece of new Chance(1).cut(text(length), 4000)) {
        writing.write(piece);
        // The last units are near.
        const units = [...observer().observed].filter((unit) => unit.isConnected && !isFolded(unit));
        observer().tell(units.slice(0, -4), false);
        most = Math.max(most, countIn(el));
      }
      return most;
    });
    expect(counts[1]).toBeLessThan(3000);
    expect(counts[1]! - counts[0]!).toBeLessThan(1000);
  });
});

describe("what is folded and comes again is what was written at once", () => {
  test.each(Object.entries(STRUCTURES))(
    "%s",
    (_, text) => {
      const source = text(30_000);
      const whole = write([source]).el;
      const { el, folding, writer, observer } = scene();
      const writing = writer();
      const next = random(7);
      for (const piece of new Chance(2).cut(source, 900)) {
        writing.write(piece);
        const units = [...observer().observed].filter((unit) => unit.isConnected);
        observer().tell(
          units.filter(() => next() < 0.3),
          false,
        );
        observer().tell(
          units.filter((unit) => unit.isConnected && next() < 0.1),
          true,
        );
      }
      writing.end();
      expect(foldedIn(el).length).toBeGreaterThan(0);
      expect(checkNow(el, source, writing.definitions, services())).toBe(0);
      folding.openIn(el);
      expect(el.isEqualNode(whole)).toBe(true);
    },
    60_000,
  );
});

test("fuzzed documents come again as they are, also what was wrong before it was folded", () => {
  const chance = new Chance(11);
  const parts = { text: 12, items: 3 };
  for (let round = 0; round < 40; round++) {
    const source = Array.from({ length: 6 }, () => chance.document()).join("\n\n");
    const whole = write([source], parts).el;
    const { el, folding, observer } = scene();
    const writer = new MarkdownWriter(el, { ...services(), folding }, undefined, parts);
    for (const piece of chance.cut(source, 40)) {
      writer.write(piece);
      observer().tell(
        [...observer().observed].filter((unit) => unit.isConnected && chance.next() < 0.2),
        false,
      );
    }
    writer.end();
    checkNow(el, source, writer.definitions, services(), parts);
    folding.openIn(el);
    expect(el.isEqualNode(whole), JSON.stringify(source)).toBe(true);
    document.body.replaceChildren();
  }
}, 60_000);

test("a definition that comes at the end reaches what is folded", () => {
  const { el, folding, writer, observer } = scene();
  const writing = writer();
  writing.write(`see [the page][p]\n\n- [ ] and [again][p]\n\n${"word\n\n".repeat(50)}`);
  observer().tell([...observer().observed], false);
  expect(el.querySelector("a, input")).toBeNull();
  writing.write("[p]: https://a.example/page\n");
  writing.end();
  folding.openIn(el);
  expect(all(el, "a").map(({ textContent }) => textContent)).toEqual([
    "the page (a.example)",
    "again (a.example)",
  ]);
  expect(all(el, "input").length).toBe(1);
});

test("a block of code that comes again can be copied and wrapped as before", () => {
  const { el, folding, writer, observer } = scene();
  const writing = writer();
  writing.write(`~~~python\nx = 1\n~~~\n\n${"word\n\n".repeat(60)}`);
  one(el, "[aria-pressed]").click();
  const [code] = all(el, ".nbs-code");
  observer().tell([...observer().observed], false);
  expect(all(el, "button").length).toBe(0);
  folding.openIn(el);
  expect(one(el, ".nbs-code")).toBe(code);
  expect(code!.classList.contains("nbs-is-wrapped")).toBe(true);
  one(el, "[aria-pressed]").click();
  expect(code!.classList.contains("nbs-is-wrapped")).toBe(false);
});

test("what is selected is not folded, and a selection in what is folded stays when it comes again", () => {
  const { el, writer, observer } = scene();
  const writing = writer();
  writing.write(`one *two* three\n\nfour *five* six\n\n${"word\n\n".repeat(10)}`);
  const [first, second] = all(el, "p");
  const selection = document.getSelection()!;
  selection.setBaseAndExtent(first!.firstChild!, 1, first!.lastChild!, 3);
  observer().tell([first!, second!], false);
  expect([isFolded(first!), isFolded(second!)]).toEqual([false, true]);
  expect(second!.textContent).toBe("four five six");
  selection.setBaseAndExtent(second!.firstChild!, 5, second!.firstChild!, 9);
  observer().tell([second!], true);
  expect(second!.innerHTML).toBe("four <em>five</em> six");
  expect(selection.toString()).toBe("five");
  expect(isFolded(first!)).toBe(true);
});

test("a text that is not long stays as it is", () => {
  const { el, folding, writer, observer } = scene();
  const end = new GrowingEnd(folding, el);
  end.limits = { elements: 1200, chars: 4096 };
  writer(end).write(ESSAY);
  expect(observer().observed.size).toBe(0);
  renderMarkdown(el, ESSAY, { ...services(), folding });
  expect(observer().observed.size).toBe(0);
  renderMarkdown(el, ESSAY.repeat(20), { ...services(), folding });
  finishIn(document.body);
  expect(observer().observed.size).toBeGreaterThan(20);
  expect(foldedIn(el).length).toBeGreaterThan(0);
});

test("nothing is folded for paper, and what is far is folded behind it", () => {
  const { el, folding, writer, observer } = scene();
  writer().write("one\n\ntwo\n\nthree\n\n");
  const goOn = folding.pause();
  observer().tell(all(el, "p"), false);
  expect(foldedIn(el).length).toBe(0);
  goOn();
  expect(foldedIn(el).length).toBe(3);
});

test("code that was finished long ago is shown without its far lines", () => {
  const { el, folding } = scene();
  el.append(codeBlock("x = 1  # one\n".repeat(4000), "python", folding));
  finishIn(el);
  expect(countIn(el)).toBeLessThan(3000);
  expect(one(el, "code").textContent.split("\n").length).toBe(4001);
});
