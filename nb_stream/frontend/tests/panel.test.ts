import { afterEach, describe, expect, test, vi } from "vitest";
import { ScriptedKernel } from "../dev/kernel";
import { open } from "../src/index";
import { ANNOUNCE_AFTER_MS } from "../src/views/header/announcer";
import { all, mount, one, painted } from "./helpers";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  for (const name of ["jpThemeLight", "vscodeThemeKind"]) delete document.body.dataset[name];
});

test("the transcript is a log that stays silent, beside a status that speaks", () => {
  const panel = mount(new ScriptedKernel());
  const log = one(panel.el, "[role=log]");
  expect([log.tabIndex, log.getAttribute("aria-live"), log.getAttribute("aria-label")]).toEqual([
    0,
    "off",
    "Transcript",
  ]);
  expect(one(panel.el, "[role=status]").getAttribute("aria-live")).toBe("polite");
  panel.close();
});

test("the keys of the notebook are left alone while somebody types in the panel", () => {
  const panel = mount(new ScriptedKernel());
  expect(one(panel.el, "textarea").closest("[data-lm-suppress-shortcuts='true']")).not.toBeNull();
  panel.close();
});

test("what this kernel cannot do for the controls stands beside them, and nothing where it can do everything", () => {
  const kernel = new ScriptedKernel();
  const able = mount(kernel);
  expect(one(able.el, ".nbs-caution").hidden).toBe(true);
  able.close();
  kernel.caution = "Clicks <b>may</b> be late.";
  const panel = mount(kernel);
  expect(one(panel.el, ".nbs-header .nbs-caution").hidden).toBe(false);
  expect(one(panel.el, ".nbs-caution").textContent).toBe("Clicks <b>may</b> be late.");
  panel.close();
});

test("a screen reader hears who writes, who finished and how the run ended, a few at a time", () => {
  vi.useFakeTimers();
  const kernel = new ScriptedKernel();
  kernel.run("r0", "Said before the page was opened.");
  kernel.endRun({});
  const panel = mount(kernel);
  const status = one(panel.el, "[role=status]");
  kernel.begin("c1", "poet");
  for (let i = 0; i < 50; i++) kernel.write("c1", "The sea. ");
  kernel.put("c2", "critic", "text", "Fine.");
  expect(status.textContent).toBe("");
  vi.advanceTimersByTime(ANNOUNCE_AFTER_MS);
  expect(status.textContent).toBe("poet is writing. critic finished: Fine.");
  kernel.settle("c1");
  kernel.run("r1", "Write.");
  kernel.put("c3", "", "error", "It broke.");
  kernel.endRun({ status: "failed" });
  kernel.endRun({ status: "failed", cost: 1 });
  vi.advanceTimersByTime(ANNOUNCE_AFTER_MS);
  expect(status.textContent).toMatch(
    /^poet finished: The sea\. .*… Error: It broke\. The run has ended: failed\.$/,
  );
  panel.close();
});

test("the end of a run is told also where a snapshot brings it, and again where a replay plays it again", () => {
  vi.useFakeTimers();
  const kernel = new ScriptedKernel();
  const panel = mount(kernel);
  const status = one(panel.el, "[role=status]");
  const { deliver } = kernel;
  for (let round = 0; round < 2; round++) {
    kernel.runs = [];
    kernel.sendSnapshot();
    kernel.run("r1", "Write.");
    kernel.deliver = () => {}; // the connection is bad
    kernel.endRun({});
    kernel.deliver = deliver;
    status.textContent = "";
    kernel.sendSnapshot();
    vi.advanceTimersByTime(ANNOUNCE_AFTER_MS);
    expect(status.textContent).toBe("The run has ended: done.");
  }
  panel.close();
});

describe("the theme of the page decides on light and dark", () => {
  test.each([
    ["jpThemeLight", "true", "light"],
    ["jpThemeLight", "false", "dark"],
    ["vscodeThemeKind", "vscode-dark", "dark"],
    ["vscodeThemeKind", "vscode-light", "light"],
    ["vscodeThemeKind", "vscode-high-contrast", "dark"],
    ["vscodeThemeKind", "vscode-high-contrast-light", "light"],
  ])("%s=%s is %s", (name, value, theme) => {
    document.body.dataset[name] = value;
    const panel = mount(new ScriptedKernel());
    const { dataset } = one(panel.el, ".nbs-root");
    expect(dataset.nbsTheme).toBe(theme);
    expect("nbsContrast" in dataset).toBe(value.includes("contrast"));
    expect("nbsJupyter" in dataset).toBe(name === "jpThemeLight");
    panel.close();
    delete document.body.dataset[name];
  });

  test("and a change of it is followed", async () => {
    document.body.dataset.jpThemeLight = "true";
    const panel = mount(new ScriptedKernel());
    document.body.dataset.jpThemeLight = "false";
    await painted();
    expect(one(panel.el, ".nbs-root").dataset.nbsTheme).toBe("dark");
    panel.close();
  });
});

test("a view that is closed leaves nothing, and the other one goes on", async () => {
  const kernel = new ScriptedKernel();
  const panel = mount(kernel);
  const controller = new AbortController();
  const second = panel.view(controller.signal);
  const schedule = vi.spyOn(globalThis, "requestAnimationFrame");
  controller.abort();
  kernel.put("c1", "poet", "text", "Still here.");
  expect(schedule).toHaveBeenCalledTimes(1);
  await painted();
  expect(second.children.length).toBe(0);
  expect(one(panel.el, ".nbs-first").textContent).toBe("Still here.");
  panel.close();
});

test("keys stay in the panel, but for commands of the notebook", () => {
  const heard: string[] = [];
  const marked: (string | undefined)[] = [];
  const panel = mount(new ScriptedKernel());
  const root = one(panel.el, ".nbs-root");
  const ending = new AbortController();
  const options = { signal: ending.signal };
  // VS Code listens at the window. JupyterLab looks at the element with the focus, before the panel hears the key.
  window.addEventListener("keydown", ({ key }) => heard.push(key), options);
  const scroller = one(panel.el, ".nbs-scroller");
  const look = () => marked.push(root.dataset.lmSuppressShortcuts, scroller.dataset.lmSuppressShortcuts);
  document.addEventListener("keydown", look, { ...options, capture: true });
  const press = (key: string, more: KeyboardEventInit = {}) =>
    scroller.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, ...more }));
  for (const key of ["d", "d", "x", "Enter", "Escape", "ArrowDown", "J"]) press(key);
  press("Enter", { ctrlKey: true });
  press("Enter", { shiftKey: true });
  expect(heard).toEqual([]);
  for (const key of ["Tab", "F1"]) press(key);
  press("b", { ctrlKey: true });
  expect(heard).toEqual(["Tab", "F1", "b"]);
  expect(new Set(marked)).toEqual(new Set(["true"]));
  press("s", { metaKey: true });
  press("S", { ctrlKey: true, shiftKey: true });
  press("s");
  expect(heard).toEqual(["Tab", "F1", "b", "s", "S"]);
  expect(marked.slice(-6)).toEqual([undefined, undefined, undefined, undefined, "true", "true"]);
  ending.abort();
  panel.close();
});

test("when the widget is closed no listener, timer or element is left", async () => {
  const added = vi.spyOn(document, "addEventListener");
  const addedToWindow = vi.spyOn(window, "addEventListener");
  vi.useFakeTimers();
  const kernel = new ScriptedKernel();
  const row = kernel.agent("poet");
  const panel = mount(kernel);
  const second = panel.view();
  kernel.begin("c1", "poet");
  kernel.seq++;
  kernel.write("c1", "x");
  one<HTMLInputElement>(panel.el, `.nbs-agent .nbs-check`).click();
  expect(row.on).toBe(true);
  panel.close();
  expect(kernel.listenerCount).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
  expect(panel.el.children.length + second.children.length).toBe(0);
  const signals = [...added.mock.calls, ...addedToWindow.mock.calls].map(
    ([, , options]) => (options as AddEventListenerOptions).signal,
  );
  expect(signals.map((signal) => signal?.aborted)).toEqual(signals.map(() => true));
  kernel.write("c1", "y");
  expect(vi.getTimerCount()).toBe(0);
});

test("other widgets of the page can read the transcript along", () => {
  const kernel = new ScriptedKernel();
  const controller = new AbortController();
  const { exports } = open(kernel.model, controller.signal);
  const heard = vi.fn();
  const unsubscribe = exports.subscribe(heard);
  kernel.run("r1", "Write.");
  kernel.setState("running");
  kernel.put("c1", "critic", "text", "Fine.");
  kernel.begin("c2", "poet");
  kernel.write("c2", "The sea");
  expect(exports.cells.map(({ id, agent, text }) => [id, agent, text])).toEqual([
    ["c1", "critic", "Fine."],
    ["c2", "poet", "The sea"],
  ]);
  expect(exports.runs.map(({ id }) => id)).toEqual(["r1"]);
  expect(exports.state).toBe("running");
  expect(heard).toHaveBeenCalledTimes(5);
  unsubscribe();
  kernel.write("c2", " and sky");
  expect(heard).toHaveBeenCalledTimes(5);
  controller.abort();
});

test("the header shows how far a budget is, and nothing if runs have no limits", async () => {
  const bare = mount(new ScriptedKernel());
  expect(one(bare.el, ".nbs-budget").hidden).toBe(true);
  bare.close();
  const kernel = new ScriptedKernel();
  const row = { limit: 5000, about: false, at_least: false };
  kernel.budget = [{ ...row, unit: "tokens", spent: 1234 }];
  const shown = mount(kernel);
  const parts = () => all(shown.el, ".nbs-budget-part").map(({ textContent }) => textContent);
  expect(parts()).toEqual(["1,234 of 5,000 tokens"]);
  kernel.budget = [
    { ...row, unit: "tokens", spent: 5214, about: true },
    { ...row, unit: "usd", spent: 0.0213, limit: 0.1, at_least: true },
    { ...row, unit: "seconds", spent: 12.7, limit: 60 },
  ];
  kernel.setState("running");
  await painted();
  expect(parts()).toEqual(["about 5,214 of 5,000 tokens", "at least $0.021 of $0.10", "12 of 60 s"]);
  expect(all(shown.el, ".nbs-used-up").length).toBe(1);
  shown.close();
});
