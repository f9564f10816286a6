import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ScriptedKernel } from "../dev/kernel";
import { all, type Mounted, mount, one, painted, texts } from "./helpers";

const PIXEL =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";
const png = (name = "red.png") =>
  new File([Uint8Array.from(atob(PIXEL), (c) => c.charCodeAt(0))], name, { type: "image/png" });

let kernel: ScriptedKernel;
let panel: Mounted;

beforeEach(() => {
  kernel = new ScriptedKernel();
  kernel.agent("poet", { text_only: true });
  kernel.agent("painter");
  panel = mount(kernel);
  one<HTMLInputElement>(panel.el, ".nbs-attachments .nbs-check").checked = false;
});
afterEach(() => panel.close());

const form = () => one(panel.el, ".nbs-task");
const box = () => one<HTMLTextAreaElement>(panel.el, ".nbs-task textarea");
const fault = () => one(panel.el, ".nbs-attachments .nbs-is-error").textContent;

/** Attach files as a reader does: by a paste, a drop or the dialog. */
async function attach(how: "paste" | "drop" | "pick", ...files: File[]): Promise<void> {
  const before = all(panel.el, ".nbs-attachment").length;
  const event = new Event(how, { bubbles: true, cancelable: true });
  Object.assign(event, { clipboardData: { files }, dataTransfer: { files, types: ["Files"] } });
  if (how === "pick") {
    const opened = vi.spyOn(HTMLInputElement.prototype, "click").mockImplementation(() => {});
    one(panel.el, '[aria-label="Attach"]').click();
    const dialog = opened.mock.contexts.at(-1) as HTMLInputElement;
    opened.mockRestore();
    Object.defineProperty(dialog, "files", { configurable: true, value: files });
    dialog.dispatchEvent(new Event("change"));
  } else box().dispatchEvent(event);
  if (how === "drop") expect(event.defaultPrevented).toBe(true);
  await expect.poll(() => all(panel.el, ".nbs-attachment").length > before || fault() !== "").toBe(true);
}

function run(task: string): void {
  box().value = task;
  (form() as HTMLFormElement).requestSubmit();
}

test.each(["paste", "drop", "pick"] as const)("an image comes by %s, and goes with the task", async (how) => {
  await attach(how, png());
  expect(texts(panel.el, ".nbs-attached-name")).toEqual(["red.png"]);
  expect(one(panel.el, ".nbs-hint").textContent).toBe("Models without sight get the text alone: poet.");
  run("What colour?");
  expect(kernel.commands.at(-1)).toEqual({
    type: "start",
    task: "What colour?",
    images: [`data:image/png;base64,${PIXEL}`],
  });
  kernel.run("r1", "What colour?");
  kernel.setState("running");
  await painted();
  expect(all(panel.el, ".nbs-attachment")).toEqual([]);
});

test("a text becomes a part in a fence that it cannot end", async () => {
  await attach("paste", new File(["a = '```'\n"], "a.py", { type: "text/x-python" }));
  run("Review:");
  expect(kernel.commands.at(-1)).toEqual({
    type: "start",
    task: "Review:\n\n`a.py`\n\n````py\na = '```'\n````",
  });
});

test("a file can be taken away, and a refused task keeps its files", async () => {
  await attach("paste", png("one.png"));
  await attach("paste", png("two.png"));
  one(panel.el, '[aria-label="Take one.png away"]').click();
  expect(texts(panel.el, ".nbs-attached-name")).toEqual(["two.png"]);
  run("Go.");
  kernel.send({ op: "notice", text: "Not now." });
  await painted();
  expect(texts(panel.el, ".nbs-attached-name")).toEqual(["two.png"]);
});

test.each([
  [new File([new Uint8Array([0, 1, 2])], "a.bin"), /no image and no text/],
  [new File([new Uint8Array([0xff, 0xfe, 0x80])], "b.txt", { type: "text/plain" }), /no text in UTF-8/],
  [new File(["x".repeat(600_000)], "c.txt", { type: "text/plain" }), /texts may have 500 kB/],
])("what cannot be sent is refused in a sentence", async (file, sentence) => {
  await attach("pick", file);
  expect(fault()).toMatch(sentence);
  expect(fault()).toContain(file.name);
});

test("files go with what the team is told in mid-run", async () => {
  kernel.run("r1", "Write.");
  kernel.setState("running");
  await painted();
  await attach("paste", png());
  run("Look.");
  expect(kernel.commands.at(-1)).toMatchObject({
    type: "say",
    text: "Look.",
    now: false,
    images: [expect.stringMatching(/^data:/)],
  });
});
