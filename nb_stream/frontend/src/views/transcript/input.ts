/** Makes the forms with which a team asks a person. The answer goes to the kernel, and the kernel ends the request. */

import { button, h, once, onEnter, setName, setPolite, setShortcut } from "../../dom/build";
import { plain } from "../../dom/safe_text";
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

/** A form with two buttons. Enter in the box for the reason rejects, because only a rejection has a reason. */
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
  const approve = button("nbs-button nbs-primary", "Approve", "Approve (Shift+A)", () =>
    submit({ type: "answer", request_id, text: "approve" }),
  );
  const refuse = button("nbs-button", "Reject", "Reject, with the reason if there is one (Shift+R)", reject);
  setShortcut(approve, "Shift+A");
  setShortcut(refuse, "Shift+R");
  const buttons = h("div", "nbs-buttons", approve, refuse, reason, sent);
  const form = h("form", "nbs-input", buttons);
  form.addEventListener("submit", (event) => event.preventDefault());
  onEnter(reason, reject);
  return form;
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
