import { afterEach, beforeEach, expect, test } from "vitest";
import { ScriptedKernel } from "../dev/kernel";
import { all, type Mounted, mount, one, painted, texts } from "./helpers";

/** A signal like those of JupyterLab. */
class Signal {
  slots = new Set<(sender: unknown, args: unknown) => void>();
  connect(slot: (sender: unknown, args: unknown) => void): void {
    this.slots.add(slot);
  }
  disconnect(slot: (sender: unknown, args: unknown) => void): void {
    this.slots.delete(slot);
  }
  emit(args: unknown): void {
    for (const slot of [...this.slots]) slot(undefined, args);
  }
}

let kernel: ScriptedKernel;
let panel: Mounted;
let statusChanged: Signal;
let kernelChanged: Signal;

beforeEach(() => {
  kernel = new ScriptedKernel();
  statusChanged = new Signal();
  kernelChanged = new Signal();
  const sessionContext = { statusChanged, kernelChanged };
  Object.assign(kernel.model, { widget_manager: { context: { sessionContext } } });
  kernel.agents = [kernel.agent("ann", { status: "writing" }), kernel.agent("ben")];
  kernel.run("r1", "Go on");
  kernel.setState("running");
  kernel.put("c1", "ann", "text", "Finished.");
  kernel.begin("c2", "ann");
  kernel.write("c2", "Half of a sen");
  panel = mount(kernel);
});
afterEach(() => {
  panel.close();
  document.body.replaceChildren();
});

const WHY = "The kernel cannot be reached: run the cell that shows this panel again.";
const state = () => texts(panel.el, ".nbs-state-word")[0];
const pressable = () =>
  all<HTMLButtonElement>(panel.el, ".nbs-task button, .nbs-agents input").filter(({ disabled }) => !disabled);

test.each([
  ["is restarted", () => statusChanged.emit("restarting")],
  ["dies and is started anew", () => statusChanged.emit("autorestarting")],
  ["is shut down", () => kernelChanged.emit({ oldValue: {}, newValue: null })],
  [
    "takes no message",
    () => {
      kernel.model.send = () => {
        throw new Error("Cannot send");
      };
      all(panel.el, "form.nbs-task button")
        .find(({ textContent }) => textContent === "Stop")!
        .click();
    },
  ],
])("when the kernel %s nothing that needs it looks alive, and what was said can be read", async (_, goes) => {
  await painted();
  expect(pressable().length).toBeGreaterThan(2);
  goes();
  await painted();
  expect(state()).toBe("no kernel");
  expect(pressable()).toEqual([]);
  expect(one<HTMLTextAreaElement>(panel.el, ".nbs-task textarea")).toMatchObject({
    readOnly: true,
    placeholder: WHY,
  });
  expect(texts(panel.el, ".nbs-caution, .nbs-notice-text")).toContain(WHY);
  expect(all(panel.el, ".nbs-live-cell")).toEqual([]);
  expect(texts(panel.el, ".nbs-agent-status")).toEqual(["cut off", "idle"]);
  expect(texts(panel.el, ".nbs-run-end").join()).toContain("cut off");
  expect(panel.el.textContent).toContain("Half of a sen");
  const sent = kernel.commands.length;
  statusChanged.emit("dead");
  expect(kernel.commands.length).toBe(sent);
});

test("a kernel that is busy, idle, or behind a cut line, has not gone", async () => {
  for (const status of ["busy", "idle", "unknown", "connecting", "starting"]) statusChanged.emit(status);
  kernelChanged.emit({ oldValue: null, newValue: {} });
  await painted();
  expect(state()).toBe("running");
});

test("a kernel that was thought to have gone and speaks sends everything anew", async () => {
  statusChanged.emit("dead");
  kernel.write("c2", "tence.");
  await painted();
  expect(state()).toBe("running");
  expect(texts(panel.el, ".nbs-live-cell .nbs-text")).toEqual(["Half of a sentence."]);
  expect(pressable().length).toBeGreaterThan(2);
});

test("a panel that is closed listens no more", () => {
  panel.close();
  expect(statusChanged.slots.size + kernelChanged.slots.size).toBe(0);
});
