import { afterEach, expect, test, vi } from "vitest";
import { ESSAY } from "../../dev/essay";
import { ScriptedKernel } from "../../dev/kernel";
import { checkNow } from "../../src/markdown/stream/recheck";
import { all, mount, one, painted } from "../helpers";
import { Chance } from "./documents";
import { services, write } from "./write";

afterEach(() => document.body.replaceChildren());

test("a text that was written right is left as it is, node by node", () => {
  const { el, writer } = write(new Chance(3).cut(ESSAY.repeat(9), 50));
  const nodes = all(el, "*");
  expect(checkNow(el, ESSAY.repeat(9), writer.definitions, services())).toBe(0);
  expect(all(el, "*").every((node, index) => node === nodes[index])).toBe(true);
});

test("what differs is put right, and nothing else is touched", () => {
  const { el, writer } = write([ESSAY]);
  document.body.append(el);
  const whole = el.cloneNode(true);
  const [first] = all(el, "p");
  const wrong = all(el, "p")[1]!;
  wrong.textContent = "wrong";
  all(el, "li")[2]!.remove();
  el.append(document.createElement("hr"));
  expect(checkNow(el, ESSAY, writer.definitions, services())).toBe(3);
  expect(el.isEqualNode(whole)).toBe(true);
  expect(all(el, "p")[0]).toBe(first);
  expect(all(el, "p")[1]).toBe(wrong);
});

test("a selection stays, in what is right and in what is put right", () => {
  const { el, writer } = write(["one two three\n\nfour *five* six\n\nseven\n"]);
  document.body.append(el);
  const [first, second, third] = all(el, "p");
  second!.replaceChildren("four ", document.createElement("b"), "?? six");
  second!.querySelector("b")!.append("five");
  const selection = document.getSelection()!;
  selection.setBaseAndExtent(first!.firstChild!, 4, third!.firstChild!, 3);
  expect(checkNow(el, "one two three\n\nfour *five* six\n\nseven\n", writer.definitions, services())).toBe(1);
  expect([selection.anchorNode, selection.anchorOffset]).toEqual([first!.firstChild, 4]);
  expect([selection.focusNode, selection.focusOffset]).toEqual([third!.firstChild, 3]);

  second!.replaceChildren(document.createElement("b"));
  second!.firstElementChild!.append("four five six");
  selection.setBaseAndExtent(
    second!.firstElementChild!.firstChild!,
    5,
    second!.firstElementChild!.firstChild!,
    9,
  );
  checkNow(el, "one two three\n\nfour *five* six\n\nseven\n", writer.definitions, services());
  expect(second!.innerHTML).toBe("four <em>five</em> six");
  expect(selection.toString()).toBe("five");
});

test("what the reader did to a block of code stays", () => {
  const text = "```python\nx = 1\n```\n\n- ```js\n  y\n  ```\n";
  const { el, writer } = write([text]);
  for (const button of all(el, "button[aria-pressed]")) button.click();
  checkNow(el, text, writer.definitions, services());
  expect(all(el, ".nbs-code.nbs-is-wrapped").length).toBe(2);
});

test("a finished message is checked in idle time, and keeps the nodes that the reader saw", async () => {
  const kernel = new ScriptedKernel();
  kernel.run("r1", "Write.");
  const panel = mount(kernel);
  const idle: IdleRequestCallback[] = [];
  vi.stubGlobal("requestIdleCallback", (callback: IdleRequestCallback) => idle.push(callback));
  kernel.begin("c1", "poet");
  for (const piece of new Chance(5).cut(ESSAY, 200)) kernel.write("c1", piece);
  await painted();
  const [paragraph] = all(panel.el, ".nbs-live .nbs-text p");
  kernel.settle("c1");
  await painted();
  const text = one(panel.el, ".nbs-history .nbs-text");
  expect(one(text, "p")).toBe(paragraph);
  const heading = one(text, "h2");
  heading.textContent = "wrong";
  while (idle.length > 0) idle.shift()!({ didTimeout: false, timeRemaining: () => 50 });
  expect(one(text, "h2").textContent).toBe("What the formula says");
  vi.unstubAllGlobals();
  panel.close();
});
