import { expect, test } from "vitest";
import { ScriptedKernel } from "../dev/kernel";
import { finishIn } from "../src/dom/portions";
import { appendText, plain } from "../src/dom/safe_text";
import { renderText, TextWriter } from "../src/dom/text_writer";
import { CELL_KINDS } from "../src/protocol/model";
import { all, mount, painted, random, texts } from "./helpers";

const HOSTILE = '<img src=x onerror="alert(1)"><script>alert(2)</script>';
function hostileKernel(): ScriptedKernel {
  const kernel = new ScriptedKernel();
  kernel.title = HOSTILE;
  const row = { name: HOSTILE, path: `${HOSTILE}/${HOSTILE}`, parent: HOSTILE, description: HOSTILE };
  kernel.agent(HOSTILE, { ...row, note: HOSTILE, status: HOSTILE });
  kernel.run("r1", HOSTILE);
  kernel.endRun({ stop_reason: HOSTILE });
  kernel.state = "failed";
  kernel.detail = HOSTILE;
  const call = { id: "1", name: HOSTILE, arguments: HOSTILE, result: HOSTILE };
  const data = {
    target: HOSTILE,
    answer: HOSTILE,
    how: HOSTILE,
    traceback: HOSTILE,
    output: HOSTILE,
    code_blocks: [{ code: HOSTILE, language: HOSTILE }],
  };
  CELL_KINDS.forEach((kind, index) => {
    kernel.put(`c${index}`, HOSTILE, kind, HOSTILE, { type: HOSTILE, tool_calls: [call], data });
  });
  kernel.begin("live", HOSTILE);
  kernel.write("live", HOSTILE);
  return kernel;
}

test("foreign text stays text, wherever it stands", async () => {
  const kernel = hostileKernel();
  const panel = mount(kernel);
  kernel.send({ op: "notice", text: HOSTILE });
  await painted();
  for (const summary of all(panel.el, ".nbs-cell > summary")) summary.click();
  for (const details of all<HTMLDetailsElement>(panel.el, ".nbs-cell")) details.open = true;
  await painted();
  expect(all(panel.el, "img, script, iframe, object, style, a, [onerror], [src], [href]")).toEqual([]);
  expect(texts(panel.el, ".nbs-notice-text")).toEqual([HOSTILE]);
  expect(panel.el.textContent.split(HOSTILE).length).toBeGreaterThan(40);
  panel.close();
});

test("characters that deceive a reader are shown as marks", () => {
  const el = document.createElement("div");
  renderText(el, "pay\u202efdp\u202c \u001b]\u200b\u0000 \u{e0041} a\u00adb 👩‍👩‍👧 tab\tend");
  expect(texts(el, ".nbs-mark")).toEqual([
    "U+202E",
    "U+202C",
    "U+001B",
    "U+200B",
    "U+0000",
    "U+E0041",
    "U+00AD",
  ]);
  for (const hidden of "\u202e\u202c\u001b\u200b\u0000\u00ad") expect(el.textContent).not.toContain(hidden);
  expect(el.textContent).toContain("👩‍👩‍👧 tab\tend");
});

test.each([
  ["pass\u200dword, pass\u200cword", ["U+200D", "U+200C"]],
  ["👩‍👩‍👧 ❤️‍🔥 🏳️‍🌈 👍🏽‍ क्‍ष می‌خواهم 1️⃣ 葛︀", []],
  ["a\ufe0fb\ufe01 😀\ufe0f\ufe01\ufe02", ["U+FE0F", "U+FE01", "U+FE01", "U+FE02"]],
  [
    "\u200d\u{e01ef}x\u{e0fff}\u034f\u{1d173}\u3164",
    ["U+200D", "U+E01EF", "U+E0FFF", "U+034F", "U+1D173", "U+3164"],
  ],
  ["\u202e\ufe0f\u200d क\u202e\u200d", ["U+202E", "U+FE0F", "U+200D", "U+202E", "U+200D"]],
])("joiners and selectors in %j stay where they belong, however the text is cut", (text, marks) => {
  const whole = document.createElement("div");
  appendText(whole, text);
  expect(texts(whole, ".nbs-mark")).toEqual(marks);
  const cut = document.createElement("div");
  for (const character of text) appendText(cut, character);
  expect(cut.isEqualNode(whole)).toBe(true);
  expect(plain(text)).toBe(whole.textContent);
});

test("names and lines have their hidden characters shown too", async () => {
  const kernel = new ScriptedKernel();
  kernel.agent("po\u202eet");
  kernel.put("c1", "po\u202eet", "tool call", "", {
    tool_calls: [{ id: "1", name: "a\u200bdd", arguments: "", result: null }],
  });
  const panel = mount(kernel);
  await painted();
  expect(texts(panel.el, ".nbs-agents .nbs-agent-name")).toEqual(["poU+202Eet"]);
  expect(texts(panel.el, ".nbs-first")).toEqual(["aU+200Bdd()"]);
  panel.close();
});

test("a text cut anywhere ends in the same elements as the whole text", () => {
  const words = [
    "word ",
    "\n",
    "\r\n",
    "\r",
    "\x1b[31m",
    "\x1b[",
    "\x1b",
    "😀",
    "\u202e",
    "<b>",
    "a longer piece of the text, ",
    "\n\n",
  ];
  for (let seed = 0; seed < 40; seed++) {
    const chance = random(seed);
    let text = "";
    while (text.length < 15_000) text += words[Math.floor(chance() * words.length)];
    const whole = document.createElement("div");
    const page = document.createElement("div");
    page.append(whole);
    renderText(whole, text);
    finishIn(page);
    const streamed = document.createElement("div");
    const writer = new TextWriter(streamed);
    for (let at = 0; at < text.length; ) {
      const size = 1 + Math.floor(chance() ** 4 * 6000);
      writer.write(text.slice(at, at + size));
      at += size;
    }
    writer.end();
    expect(streamed.isEqualNode(whole)).toBe(true);
    expect(whole.children.length).toBe(4);
  }
});
