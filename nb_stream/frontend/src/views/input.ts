/** The form in which a team asks a person: the answer goes to the kernel, which ends the request. */

import { button, h } from "../dom";
import { plain } from "../marks";
import type { Cell } from "../model";
import type { Command } from "../protocol";

/** Whether `cell` waits for a person. */
export function isAsking(cell: Cell): boolean {
  return (cell.kind === "human input" || cell.kind === "approval") && cell.status === "waiting";
}

/** The form for `cell`. It may be sent again: the kernel takes the first answer to a request. */
export function inputForm(cell: Cell, send: (command: Command) => void): HTMLFormElement {
  const request_id = String(cell.data?.request_id ?? "");
  const box = h("textarea", "nbs-box");
  box.rows = 2;
  box.setAttribute("aria-label", `Answer to ${plain(cell.agent || "the team")}`);
  box.placeholder = "Your answer";
  const sent = h("span", "nbs-pending");
  const submit = (command: Command) => {
    send(command);
    sent.textContent = "sent, not confirmed yet";
  };
  const answer = h("button", "nbs-button nbs-primary", "Answer");
  const dismiss = button("nbs-button", "Dismiss", "End the request without an answer", () =>
    submit({ type: "dismiss", request_id }),
  );
  const form = h("form", "nbs-input", box, h("div", "nbs-buttons", answer, dismiss, sent));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit({ type: "answer", request_id, text: box.value });
  });
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
  return form;
}
