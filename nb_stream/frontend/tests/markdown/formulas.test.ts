import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ScriptedKernel } from "../../dev/kernel";
import { Modules, RETRY_MODULE_MS } from "../../src/dom/page_modules";
import { Emojis } from "../../src/markdown/dom/emoji_view";
import { Formulas } from "../../src/markdown/dom/formula_view";
import { safePolicy } from "../../src/markdown/dom/policy";
import { renderMarkdown } from "../../src/markdown/stream/markdown_writer";
import * as math from "../../src/modules/math";
import type { Command } from "../../src/protocol/protocol";
import { all, mount, one, painted } from "../helpers";

const SHARED = Symbol.for("nb_stream.modules.2");
const forget = () => Reflect.deleteProperty(globalThis, SHARED);
beforeEach(forget);
afterEach(() => {
  forget();
  vi.useRealTimers();
  vi.restoreAllMocks();
  document.body.replaceChildren();
});

/** Modules whose kernel answers when the test says so. */
function kernelSide() {
  const commands: Command[] = [];
  const load = vi.fn(async (): Promise<unknown> => math);
  const modules = new Modules((command) => commands.push(command), load);
  const answer = async () => {
    modules.receive({ op: "module", name: "math", source: "export …" });
    for (let turn = 0; turn < 9; turn++) await null;
  };
  const services = { policy: safePolicy, formulas: new Formulas(modules), emojis: new Emojis(modules) };
  const show = (text: string) => {
    const el = document.createElement("div");
    renderMarkdown(el, text, services);
    return el;
  };
  return { commands, answer, load, show };
}

describe("the renderer of formulas", () => {
  test("is asked for when the first formula closes, once, and shows all that waited", async () => {
    const { commands, answer, show } = kernelSide();
    show("no formula, but $5 and `$x$`");
    expect(commands).toEqual([]);
    const first = show("so $x^2$");
    const second = show("and \\[\\frac{a}{b}\\]");
    expect(commands).toEqual([{ type: "module", name: "math" }]);
    expect(one(first, ".nbs-tex").textContent).toBe("x^2");
    await answer();
    expect([...all(first, "math"), ...all(second, "math")].length).toBe(2);
    expect(all(first, ".nbs-tex")).toEqual([]);
    expect(all(show("$y$"), "math").length).toBe(1);
    expect(commands.length).toBe(1);
  });

  test("is asked for again where the answer was lost or could not be loaded, until it comes", async () => {
    vi.useFakeTimers();
    vi.spyOn(console, "error").mockReturnValue();
    const { commands, answer, load, show } = kernelSide();
    const shown = [show("$a$"), show("$b$")];
    document.body.append(...shown);
    expect(commands.length).toBe(1);
    await vi.advanceTimersByTimeAsync(RETRY_MODULE_MS);
    expect(commands.length).toBe(1);
    shown.push(show("and $c$"));
    expect(commands.length).toBe(2);
    await vi.advanceTimersByTimeAsync(3 * RETRY_MODULE_MS);
    expect(commands.length).toBe(3);
    load.mockRejectedValueOnce(new Error("no blob"));
    await answer();
    await vi.advanceTimersByTimeAsync(10 * RETRY_MODULE_MS);
    expect(commands.length).toBeGreaterThan(3);
    await answer();
    expect(shown.map((el) => all(el, "math").length)).toEqual([1, 1, 1]);
    const { length } = commands;
    await vi.advanceTimersByTimeAsync(100 * RETRY_MODULE_MS);
    expect(commands.length).toBe(length);
  });

  test("is not asked for by what has left the page", async () => {
    vi.useFakeTimers();
    const { commands, show } = kernelSide();
    const el = show("$a$");
    document.body.append(el);
    el.remove();
    await vi.advanceTimersByTimeAsync(100 * RETRY_MODULE_MS);
    expect([commands.length, vi.getTimerCount()]).toEqual([1, 0]);
  });

  test("is shared by the panels of a page", async () => {
    const one = kernelSide();
    one.show("$x$");
    await one.answer();
    const other = kernelSide();
    const el = other.show("$y$");
    await new Promise((resolve) => setTimeout(resolve));
    expect(other.commands).toEqual([]);
    expect(all(el, "math").length).toBe(1);
  });

  test("leaves the source where it does not come", () => {
    const { show } = kernelSide();
    expect(show("so $x^2$ holds").textContent).toBe("so x^2 holds");
  });

  test("comes over the widget's own line", async () => {
    const kernel = new ScriptedKernel();
    kernel.put("c1", "poet", "text", "so $x^2$");
    const panel = mount(kernel);
    await painted();
    expect(kernel.commands).toContainEqual({ type: "module", name: "math" });
    panel.close();
  });
});

describe("a formula", () => {
  const shown = (tex: string, display = false) => {
    const el = document.createElement("div");
    el.append(math.element(tex, display) ?? "");
    return el;
  };

  test("is MathML, with a display of its own where it asks for it", () => {
    expect(one(shown("\\frac{a}{b}"), "mfrac").textContent).toBe("ab");
    expect(one(shown("x", true), "math").getAttribute("display")).toBe("block");
    expect(one(shown("\\color{red}x"), "[mathcolor]").getAttribute("mathcolor")).toBe("#ff0000");
    expect(shown("\\sin x").textContent).not.toContain("U+");
  });

  test.each([
    "\\href{javascript:alert(1)}{x}",
    "\\href{https://evil.example}{x}",
    "\\url{https://evil.example}",
    "\\includegraphics{https://evil.example/x.png}",
    "\\htmlStyle{background:url(//evil.example)}{x}",
    "\\style{color:red}{x}",
    "\\class{nbs-button}{x}",
    "\\id{x}{y}",
    "\\htmlData{x=y}{z}",
    "\\text{<img src=x onerror=alert(1)>}",
    "\\color{url(//evil.example)}x",
    "\\def\\a{\\a\\a}\\a",
    "{".repeat(3000),
    "\\frac".repeat(2000),
    "x^".repeat(3000),
    `${"\\sqrt{".repeat(400)}x${"}".repeat(400)}`,
    "\\begin{array}{".padEnd(3000, "c"),
    "\\unknown",
    "\\unicode{x202e}",
    "\u202ex",
  ])("does nothing but show (%.40s)", (tex) => {
    for (const el of all(shown(tex), "*")) {
      const isMark = el.matches(".nbs-mark");
      expect(isMark || el.namespaceURI === "http://www.w3.org/1998/Math/MathML").toBe(true);
      for (const name of el.getAttributeNames()) {
        expect(["href", "src", "style", "id", "onerror"]).not.toContain(name);
        expect(el.getAttribute(name)).not.toMatch(/url\(|https?:|javascript/);
      }
      if (!isMark) expect(el.getAttribute("class") ?? "").not.toContain("nbs-button");
    }
  });

  test("that cannot be read stays its source", async () => {
    const { answer, show } = kernelSide();
    const el = show("so $\\unknown_x$ and $y$");
    await answer();
    expect(one(el, ".nbs-tex").textContent).toBe("\\unknown_x");
    expect(all(el, "math").length).toBe(1);
  });
});
