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

test("what was being typed when the request ended is kept, and its letters press no tools", async () => {
  box().focus();
  box().value = "I think that the";
  kernel.put("c1", "editor", "human input", "Shall it stay?", {
    data: { request_id: "q1", how: "timed out" },
  });
  await painted();
  const kept = document.activeElement as HTMLTextAreaElement;
  expect([kept.value, kept.readOnly]).toEqual(["I think that the", true]);
  for (const key of "fit") kept.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  expect(all(panel.el, ".nbs-drawer").every(({ hidden }) => hidden)).toBe(true);
});

test("an answer that was taken is not kept beside itself", async () => {
  box().focus();
  box().value = "Yes. ";
  kernel.put("c1", "editor", "human input", "Shall it stay?", {
    data: { request_id: "q1", how: "answered", answer: "Yes." },
  });
  await painted();
  expect(panel.el.querySelector(".nbs-cell textarea")).toBeNull();
});

test("a double click answers once", () => {
  box().value = "Yes.";
  for (let i = 0; i < 2; i++) one(panel.el, ".nbs-input .nbs-primary").click();
  expect(kernel.commands.length).toBe(1);
});

describe("a tool that asks", () => {
  const what = { tool: "pay", arguments: { to: "Ann\u202e", amount: 7 } };
  const form = () => all(panel.el, ".nbs-input").at(-1)!;
  const field = () => one<HTMLTextAreaElement>(form(), ".nbs-arguments");
  const press = (name: string) =>
    all(form(), "button")
      .find(({ textContent }) => textContent === name)!
      .click();
  const write = (text: string) => {
    field().value = text;
    field().dispatchEvent(new Event("input"));
  };

  beforeEach(async () => {
    const data = { request_id: "q2", what };
    kernel.put("c2", "clerk", "approval", "May pay be called?", { status: "waiting", data });
    await painted();
  });

  test("shows its arguments, with hidden characters as escapes, and is approved as it is", () => {
    expect(field().value).toBe('{\n  "to": "Ann\\u202e",\n  "amount": 7\n}');
    press("Approve");
    expect(kernel.commands).toEqual([{ type: "answer", request_id: "q2", text: "approve" }]);
  });

  test("runs with what is shown", () => {
    write('{"to": "Ann", "amount": 3}');
    press("Approve");
    expect(kernel.commands).toEqual([
      { type: "answer", request_id: "q2", text: 'approve: {"to": "Ann", "amount": 3}' },
    ]);
  });

  test.each([
    ['{"to": ', /^This is no JSON: /],
    ["[3]", /^Arguments are a JSON object/],
  ])("says at once what is wrong with %s, and sends nothing", (text, sentence) => {
    write(text);
    expect(one(form(), ".nbs-is-error").textContent).toMatch(sentence);
    press("Approve");
    expect([kernel.commands, document.activeElement]).toEqual([[], field()]);
    write("{}");
    expect(one(form(), ".nbs-is-error").textContent).toBe("");
  });

  test.each([
    ["for this run", "run"],
    ["for this tool", "tool"],
  ])("can be approved always %s", (name, always) => {
    press(name);
    expect(kernel.commands).toEqual([{ type: "answer", request_id: "q2", text: "approve", always }]);
  });

  test("stands in its agent's row once it is granted, until that is taken back", async () => {
    Object.assign(kernel.agent("clerk"), { grants: { "pay\u202e": "run" } });
    kernel.sendAgents();
    await painted();
    const chip = one(panel.el, ".nbs-grants button");
    expect(chip.textContent).toMatch(/^pay.*: approved for this run ×$/);
    expect(chip.textContent).not.toContain("\u202e");
    chip.click();
    expect(kernel.commands).toEqual([{ type: "revoke", path: "clerk", tool: "pay\u202e" }]);
    kernel.agents[0]!.grants = {};
    kernel.sendAgents();
    await painted();
    expect(panel.el.querySelector(".nbs-grants button")).toBeNull();
  });
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

  test("shows the tool and its arguments as fields once it is decided", async () => {
    kernel.put("c3", "coder", "approval", "May send be called with these arguments?\n\n```json\n{}\n```", {
      data: {
        request_id: "q3",
        what: { tool: "send", arguments: { to: "ann", lines: 12 } },
        how: "answered",
        answer: 'approve: {"to": "bo"}',
      },
    });
    await painted();
    const cell = one(panel.el, "[data-kind=approval]:last-child");
    if (!(cell as HTMLDetailsElement).open) one(cell, ".nbs-line").click();
    expect(one(cell, ".nbs-line").textContent).toContain("approved");
    const body = one(cell, ".nbs-content");
    expect(texts(body, ".nbs-field")).toEqual(['answered: approve: {"to": "bo"}']);
    expect(one(body, ".nbs-call-name").textContent).toBe("send");
    expect(texts(body, ".nbs-tree li")).toEqual(["to ann", "lines 12"]);
    expect(body.textContent).not.toContain("```");
  });

  test("shows a long number to its last digit", async () => {
    const json = '{\n  "account": 12345678901234567890\n}';
    kernel.put(
      "c3",
      "coder",
      "approval",
      `May pay be called with these arguments?\n\n\`\`\`json\n${json}\n\`\`\``,
      {
        status: "waiting",
        data: { request_id: "q3", what: { tool: "pay", arguments: JSON.parse(json) } },
      },
    );
    await painted();
    expect(one<HTMLTextAreaElement>(panel.el, ".nbs-arguments").value).toBe(json);
  });

  test("shows each block of code by itself", async () => {
    kernel.put("c3", "coder", "approval", "May this code run?\n\n```py\nx = 1\n```\n\n```sh\nls\n```", {
      status: "waiting",
      data: {
        request_id: "q3",
        what: {
          code: "```py\nx = 1\n```\n\n```sh\nls\n```",
          code_blocks: [
            { language: "py", code: "x = 1" },
            { language: "sh", code: "ls" },
          ],
        },
      },
    });
    await painted();
    expect(texts(panel.el, "[data-kind=approval]:last-child .nbs-content pre")).toEqual(["x = 1\n", "ls\n"]);
  });

  test("says in its line what was approved", async () => {
    kernel.put("c3", "coder", "approval", "May send be called with these arguments?\n\n```json\n{}\n```", {
      data: {
        request_id: "q3",
        what: { tool: "send", arguments: { to: "ann" } },
        how: "answered",
        answer: "approve",
      },
    });
    await painted();
    const last = "[data-kind=approval]:last-child";
    expect(texts(panel.el, `${last} .nbs-first`)).toEqual(['send({"to":"ann"})']);
    expect(texts(panel.el, `${last} .nbs-end`)).toEqual(["approved"]);
  });

  test.each([
    ["approve", "approved", "done", "x = 1"],
    ["reject", "rejected", "failed", "x = 1"],
    ["reject: too long", "rejected", "failed", "x = 1 → too long"],
  ])("that ended with %s says so before all that can be cut off", async (answer, word, status, first) => {
    kernel.put("c4", "coder", "approval", "May this code be run?", {
      data: { request_id: "q4", what: { code: "x = 1" }, how: "answered", answer },
    });
    await painted();
    const cell = one(panel.el, "[data-kind=approval]:last-child");
    expect([one(cell, ".nbs-end").textContent, one(cell, ".nbs-first").textContent]).toEqual([word, first]);
    expect(cell.dataset.status).toBe(status);
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
    const reason = one<HTMLInputElement>(panel.el, ".nbs-reason");
    reason.value = "no";
    reason.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true }));
    expect(kernel.commands).toEqual([{ type: "answer", request_id: "q2", text: "reject: no" }]);
  });
});

test("all questions that come with the first messages of a run are open", async () => {
  kernel.run("r2", "Ask everybody.");
  for (const id of ["d1", "d2", "d3"]) {
    const data = { request_id: id };
    kernel.put(id, "editor", id === "d3" ? "approval" : "human input", "Well?", { status: "waiting", data });
  }
  kernel.put("d4", "poet", "text", "I wait.");
  await painted();
  expect(all(panel.el, ".nbs-cell[open] form.nbs-input").length).toBe(3);
});
