import { afterEach, expect, test } from "vitest";
import { ScriptedKernel } from "../dev/kernel";
import { all, type Mounted, mount, painted } from "./helpers";

let panel: Mounted;
afterEach(() => {
  panel.close();
  document.body.replaceChildren();
});

const rules = () => all(document.head, "style").map(({ textContent }) => textContent);
const hidden = (el: Element) => getComputedStyle(el).display === "none";

function left(): HTMLElement {
  const el = document.createElement("div");
  el.className = "nbs-static-1234";
  document.body.append(el);
  return el;
}

test("what the panel left is hidden while it is on the page and has something to show", async () => {
  const kernel = new ScriptedKernel();
  kernel.traits = { static_mark: "nbs-static-1234" };
  const saved = left();
  panel = mount(kernel);
  await painted();
  expect(hidden(saved)).toBe(false);
  kernel.run("r1", "Say hello.");
  kernel.put("c1", "ann", "text", "Hello.");
  await painted();
  expect(hidden(saved)).toBe(true);
  panel.close();
  expect(hidden(saved)).toBe(false);
  expect(rules()).toEqual([]);
});

test("a mark that is none does nothing", () => {
  const kernel = new ScriptedKernel();
  kernel.traits = { static_mark: "x { } body" };
  kernel.put("c1", "ann", "text", "Hello.");
  panel = mount(kernel);
  expect(rules()).toEqual([]);
});
