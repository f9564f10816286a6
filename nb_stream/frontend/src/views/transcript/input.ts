/** Makes the forms with which a team asks a person. The answer goes to the kernel, and the kernel ends the request. */

import { button, focusOn, h, once, onEnter, setName, setPolite, setShortcut } from "../../dom/build";
import { isExact } from "../../dom/format";
import { escapeHidden, plain } from "../../dom/safe_text";
import { asName } from "../../protocol/code_points";
import { type Cell, roleOf } from "../../protocol/model";
import type { Command } from "../../protocol/protocol";

type SendCommand = (command: Command) => void;

/** Whether `cell` is a question that waits for a person. */
export function isAsking(cell: Cell): boolean {
  return roleOf(cell) === "question" && cell.status === "waiting";
}

/** The form for `cell`. The reader may send it again: the kernel takes the first answer that it gets. */
export function inputForm(cell: Cell, send: SendCommand): HTMLFormElement {
  return cell.kind === "approval" ? approvalForm(cell, send) : answerForm(cell, send);
}

function answerForm(cell: Cell, send: SendCommand): HTMLFormElement {
  const request_id = requestOf(cell);
  const box = h("textarea", "nbs-box");
  box.rows = 2;
  setName(box, `Answer to ${plain(cell.agent || "the team")}`);
  box.placeholder = "Your answer";
  const [sent, submit] = sending(send);
  const answer = h("button", "nbs-button nbs-primary", "Answer");
  const dismiss = button("nbs-button", "Dismiss", "End the request without an answer", () =>
    submit({ type: "dismiss", request_id }),
  );
  const form = h("form", "nbs-input", box, h("div", "nbs-buttons", answer, dismiss, sent));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit({ type: "answer", request_id, text: box.value });
  });
  onEnter(box, () => form.requestSubmit()); // JupyterLab keeps the Enter key from submitting forms by itself
  return form;
}

/**
 * A form that approves or rejects. The arguments of a tool can be changed in it; what is shown is what runs. Enter in the
 * box for the reason rejects, because only a rejection has a reason.
 */
function approvalForm(cell: Cell, send: SendCommand): HTMLFormElement {
  const request_id = requestOf(cell);
  const reason = h("input", "nbs-box nbs-reason");
  reason.type = "text";
  reason.placeholder = "Reason, if you reject";
  setName(reason, "Reason, if you reject");
  const [sent, submit] = sending(send);
  const reject = () => {
    const why = reason.value.trim();
    submit({ type: "answer", request_id, text: why === "" ? "reject" : `reject: ${why}` });
  };
  const tool = cell.data?.what?.tool;
  const given = tool === undefined ? undefined : new ArgumentsBox(cell);
  const agree = (always?: "run" | "tool") => {
    const text = given ? given.verdict() : "approve";
    if (text) submit({ type: "answer", request_id, text, ...(always && { always }) });
  };
  const approve = button("nbs-button nbs-primary", "Approve", "Approve (Shift+A)", () => agree());
  const refuse = button("nbs-button", "Reject", "Reject, with the reason if there is one (Shift+R)", reject);
  setShortcut(approve, "Shift+A");
  setShortcut(refuse, "Shift+R");
  const form = h("form", "nbs-input");
  if (given) form.append(given.el, given.fault);
  form.append(h("div", "nbs-buttons", approve, refuse, reason, sent));
  if (tool !== undefined) {
    const name = plain(asName(tool));
    form.append(
      h(
        "div",
        "nbs-buttons nbs-always",
        h("span", "nbs-label", "approve always"),
        button("nbs-button", "for this run", `Approve, and do not ask about ${name} until the run ends`, () =>
          agree("run"),
        ),
        button("nbs-button", "for this tool", `Approve, and do not ask about ${name} any more`, () =>
          agree("tool"),
        ),
      ),
    );
  }
  form.addEventListener("submit", (event) => event.preventDefault());
  onEnter(reason, reject);
  return form;
}

/** The arguments of a tool, as JSON that can be changed. Owned by its form. */
class ArgumentsBox {
  readonly el = h("textarea", "nbs-box nbs-arguments");
  /** Says what is wrong with what the reader wrote. */
  readonly fault = h("p", "nbs-label nbs-is-error");
  #given: string;

  constructor(cell: Cell) {
    this.#given = escapeHidden(askedArguments(cell.text, cell.data?.what?.arguments));
    this.el.value = this.#given;
    this.el.rows = Math.min(12, this.#given.split("\n").length);
    this.el.spellcheck = false;
    setName(
      this.el,
      `Arguments of ${plain(cell.data?.what?.tool ?? "")}, as JSON: what stands here is what runs`,
    );
    setPolite(this.fault);
    this.el.addEventListener("input", () => this.#check());
  }

  /** The answer that approves what the box shows; empty if the box shows no JSON object. */
  verdict(): string {
    if (this.el.value === this.#given) return "approve";
    if (!this.#check()) {
      focusOn(this.el);
      return "";
    }
    return `approve: ${this.el.value}`;
  }

  #check(): boolean {
    let fault = "";
    try {
      const value: unknown = JSON.parse(this.el.value);
      if (typeof value !== "object" || value === null || Array.isArray(value)) {
        fault = 'Arguments are a JSON object, such as {"amount": 3}.';
      }
    } catch (error) {
      fault = `This is no JSON: ${plain((error as Error).message)}`;
    }
    this.fault.textContent = fault;
    this.el.setAttribute("aria-invalid", String(fault !== ""));
    return fault === "";
  }
}

/**
 * The arguments of a tool that asks, as indented JSON. If numbers in `given` have lost digits on the way to the page, the
 * JSON in the question is taken.
 */
export function askedArguments(text: string, given: unknown): string {
  const json = /\n\n(`{3,})json\n([\s\S]*)\n\1$/.exec(text)?.[2];
  if (json !== undefined && !isExact(json)) return json;
  return typeof given === "string" ? given : JSON.stringify(given ?? {}, null, 2);
}

/**
 * A box with the answer that the reader was writing in `field` when the request of `cell` ended in another way, so that
 * the reader can copy it. Undefined if nothing is lost. The box takes the keys that still come: else they would press
 * the tools.
 */
export function lateAnswer(field: Element, cell: Cell): HTMLTextAreaElement | undefined {
  const isField = field instanceof HTMLTextAreaElement || field instanceof HTMLInputElement;
  if (!isField) return undefined;
  const [answer, mine] = [(cell.data?.answer ?? "").trim(), field.value.trim()];
  if (mine === "" || answer === mine || answer.endsWith(`: ${mine}`)) return undefined; // with its verdict before it
  const box = h("textarea", "nbs-box");
  box.value = field.value;
  box.readOnly = true;
  setName(box, "Your answer, too late");
  return box;
}

function requestOf(cell: Cell): string {
  return cell.data?.request_id ?? "";
}

/** An element that says that a command was sent, and a function that sends a command and says so. */
function sending(send: SendCommand): [HTMLElement, SendCommand] {
  const sent = h("span", "nbs-pending");
  setPolite(sent);
  const submit = once((command: Command) => {
    send(command);
    sent.textContent = "sent, not confirmed yet";
  });
  return [sent, submit];
}
