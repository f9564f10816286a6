import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ScriptedKernel } from "../dev/kernel";
import { type Mounted, mount, one, painted } from "./helpers";

const sent: { title: string; body: string; tag: string }[] = [];
let asked = 0;

/** The browser's notifications, as far as the bell uses them: happy-dom has none. */
class Notifications {
  static permission: NotificationPermission = "default";
  static answer: NotificationPermission = "granted";
  static requestPermission(): Promise<NotificationPermission> {
    asked++;
    Notifications.permission = Notifications.answer;
    return Promise.resolve(Notifications.permission);
  }

  constructor(title: string, { body, tag }: { body: string; tag: string }) {
    sent.push({ title, body, tag });
  }
}

let kernel: ScriptedKernel;
let panel: Mounted;
let isHidden = false;

beforeEach(() => {
  sent.length = asked = 0;
  isHidden = false;
  Notifications.permission = "default";
  Notifications.answer = "granted";
  vi.stubGlobal("Notification", Notifications);
  Object.defineProperty(document, "hidden", { configurable: true, get: () => isHidden });
  document.title = "harbour.ipynb";
  localStorage.clear();
  kernel = new ScriptedKernel();
  kernel.run("r1", "Write.");
  panel = mount(kernel);
});
afterEach(() => {
  panel.close();
  vi.unstubAllGlobals();
  Reflect.deleteProperty(document, "hidden");
});

const bell = () => one<HTMLButtonElement>(panel.el, '[aria-label="Notify me while the page is hidden"]');

function hide(hidden: boolean): void {
  isHidden = hidden;
  document.dispatchEvent(new Event("visibilitychange"));
}

async function ring(): Promise<void> {
  bell().click();
  await painted();
}

test("nobody is asked for a permission, and nothing is notified, before the click", async () => {
  hide(true);
  kernel.endRun({ status: "done" });
  await painted();
  expect([asked, sent, document.title]).toEqual([0, [], "harbour.ipynb"]);
});

test("the end of a run is told while the page is hidden, once, and the title is put back", async () => {
  await ring();
  expect([asked, bell().getAttribute("aria-pressed")]).toEqual([1, "true"]);
  hide(true);
  kernel.endRun({ status: "failed" });
  expect(sent.map(({ title }) => title)).toEqual(["Trip planners: Run failed"]);
  expect(document.title).toBe("● Trip planners: Run failed · harbour.ipynb");
  hide(false);
  expect(document.title).toBe("harbour.ipynb");
});

test("a page that is seen is not called", async () => {
  await ring();
  kernel.endRun({ status: "done" });
  expect([sent, document.title]).toEqual([[], "harbour.ipynb"]);
});

test("a question calls, and its text stays text", async () => {
  await ring();
  hide(true);
  kernel.put("c1", "editor", "human input", "Which\u202e port?", {
    status: "waiting",
    data: { request_id: "q" },
  });
  expect(sent[0]).toMatchObject({ title: "Trip planners: editor asks", tag: "nb_stream c1" });
  expect(sent[0]!.body).not.toContain("\u202e");
});

test("a browser that forbids notifications says so, and the title tells all the same", async () => {
  Notifications.answer = "denied";
  await ring();
  expect(one(panel.el, ".nbs-drawers [aria-live]").textContent).toMatch(
    /^The browser allows no notifications here/,
  );
  hide(true);
  kernel.endRun({ status: "done" });
  expect([sent, document.title]).toEqual([[], "● Trip planners: Run done · harbour.ipynb"]);
});

test("the next page remembers it, and asks nobody", async () => {
  await ring();
  panel.close();
  panel = mount(kernel);
  expect([bell().getAttribute("aria-pressed"), asked]).toEqual(["true", 1]);
  await ring();
  expect(localStorage.length).toBe(0);
});
