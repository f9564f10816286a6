import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ScriptedKernel } from "../dev/kernel";
import { all, type Mounted, mount, one, painted, texts } from "./helpers";

let kernel: ScriptedKernel;
let panel: Mounted;
const question = { status: "waiting" as const, data: { request_id: "q1" } };

beforeEach(async () => {
  kernel = new ScriptedKernel();
  panel = mount(kernel);
  kernel.put("c1", "editor", "human input", "Shall it stay?", question);
  await painted();
});
afterEach(() => panel.close());

const box = () => one<HTMLTextAreaElement>(panel.el, ".nbs-input textarea");

test("a question is open with its form, and Enter sends the answer", () => {
  expect(one(panel.el, ".nbs-body .nbs-text").textContent).toBe("Shall it stay?");
  box().value = "Yes.";
  box().dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true }));
  expect(kernel.commands).toEqual([{ type: "answer", request_id: "q1", text: "Yes." }]);
  expect(one(panel.el, ".nbs-input .nbs-pending").textContent).toBe("sent, not confirmed yet");
});

test("a question can be dismissed", () => {
  one(panel.el, ".nbs-input button[type=button]").click();
  expect(kernel.commands).toEqual([{ type: "dismiss", request_id: "q1" }]);
});

test("what was typed stays while other things happen", async () => {
  box().value = "half an ans";
  kernel.put("c1", "editor", "human input", "Shall it really stay?", question);
  kernel.put("c2", "", "notice", "Something else.");
  kernel.sendSnapshot();
  await painted();
  expect(box().value).toBe("half an ans");
  expect(one(panel.el, ".nbs-body .nbs-text").textContent).toBe("Shall it really stay?");
});

test("the answer is shown afterwards, and the focus stays in the panel", async () => {
  box().focus();
  kernel.put("c1", "editor", "human input", "Shall it stay?", {
    data: { request_id: "q1", how: "answered", answer: "Yes." },
  });
  await painted();
  expect(panel.el.querySelector(".nbs-input")).toBeNull();
  expect(texts(panel.el, ".nbs-field")).toEqual(["answered: Yes."]);
  expect(document.activeElement).toBe(one(panel.el, ".nbs-scroller"));
});

test("a request that timed out says so", async () => {
  kernel.put("c1", "editor", "human input", "Shall it stay?", {
    status: "cancelled",
    data: { request_id: "q1", how: "timed out" },
  });
  await painted();
  one(panel.el, ".nbs-cell summary").click();
  expect(texts(panel.el, ".nbs-field")).toEqual(["timed out"]);
});

describe("an approval", () => {
  const code = 'rm("drafts")';
  const button = (name: string) =>
    all<HTMLButtonElement>(panel.el, "[data-kind=approval] button").find((el) => el.textContent === name)!;

  beforeEach(async () => {
    kernel.put("c2", "coder", "approval", `May this code run?\n\n${code}`, {
      status: "waiting",
      data: { request_id: "q2", what: { code } },
    });
    await painted();
  });

  test("shows the question and the code, once", () => {
    const body = one(panel.el, "[data-kind=approval] .nbs-content").textContent;
    expect(body).toContain("May this code run?");
    expect(body.split(code).length).toBe(2);
  });

  test("shows the tool and its arguments as fields", async () => {
    kernel.put("c3", "coder", "approval", "May send be called with these arguments?\n\n```json\n{}\n```", {
      status: "waiting",
      data: { request_id: "q3", what: { tool: "send", arguments: { to: "ann", lines: 12 } } },
    });
    await painted();
    const body = one(panel.el, "[data-kind=approval]:last-child .nbs-content");
    expect(one(body, ".nbs-call-name").textContent).toBe("send");
    expect(texts(body, ".nbs-tree li")).toEqual(["to ann", "lines 12"]);
    expect(body.textContent).not.toContain("```");
  });

  test("is given by one button, and refused by another, with or without a reason", () => {
    const reason = one<HTMLInputElement>(panel.el, ".nbs-reason");
    button("Approve").click();
    button("Reject").click();
    reason.value = " too early ";
    button("Reject").click();
    expect(kernel.commands).toEqual(
      ["approve", "reject", "reject: too early"].map((text) => ({ type: "answer", request_id: "q2", text })),
    );
    expect(one(panel.el, "[data-kind=approval] .nbs-pending").textContent).toBe("sent, not confirmed yet");
  });

  test("is never given by the Enter key in the reason's field", () => {
    one<HTMLInputElement>(panel.el, ".nbs-reason").value = "no";
    one<HTMLFormElement>(panel.el, "[data-kind=approval] form").requestSubmit();
    expect(kernel.commands).toEqual([{ type: "answer", request_id: "q2", text: "reject: no" }]);
  });
});
