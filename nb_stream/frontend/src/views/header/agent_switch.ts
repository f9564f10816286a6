/** Shows one agent in the header: its checkbox, its status, and how much of its text is held back. */

import type { Connection } from "../../comm/connection";
import { button, h, setShortcut, uniqueId } from "../../dom/build";
import { placeClass } from "../../dom/colours";
import { count } from "../../dom/format";
import { plain, setText } from "../../dom/safe_text";
import { asName } from "../../protocol/code_points";
import type { AgentRow } from "../../protocol/protocol";

/** Owned by the header. */
export class AgentSwitch {
  readonly el = h("li", "nbs-agent");
  /** The list of the agents inside this one. */
  readonly list = h("ul", "nbs-agents");
  #check = h("input", "nbs-check");
  #name = h("span", "nbs-agent-name");
  #status = h("span", "nbs-agent-status");
  #pending = h("span", "nbs-pending");
  #note = h("p", "nbs-note");
  #shown = "{}";
  #grants = h("div", "nbs-grants");
  #label: HTMLElement;

  constructor(
    private row: AgentRow,
    private readonly connection: Connection,
  ) {
    this.#check.type = "checkbox";
    this.#check.addEventListener("change", () =>
      connection.switches.toggle(this.row.path, this.#check.checked),
    );
    this.#note.id = uniqueId("nbs-note");
    this.#label = h("label", "nbs-agent-label", h("span", "nbs-dot"), this.#name);
    if (connection.hasKernel) this.#label.prepend(this.#check);
    const line = h("div", "nbs-agent-line", this.#label, this.#status, this.#pending, this.#note);
    this.el.append(line, this.#grants, this.list);
  }

  update(row: AgentRow, index: number): void {
    this.row = row;
    const { switches } = this.connection;
    const on = row.can_stream && switches.isOn(row);
    this.el.className = `nbs-agent ${placeClass(index)}`;
    this.el.dataset.status = row.status;
    if (this.#check.checked !== on) this.#check.checked = on;
    this.#check.disabled = !row.can_stream;
    if (index < 9) setShortcut(this.#check, String(index + 1));
    else this.#check.removeAttribute("aria-keyshortcuts");
    setText(this.#name, row.name);
    setText(this.#status, !on && row.held > 0 ? `${count(row.held, "character")} held` : row.status);
    setText(this.#pending, switches.isUnconfirmed(row) ? "not confirmed yet" : "");
    setText(this.#note, row.note);
    this.#note.hidden = row.note === "";
    this.#showGrants();
    if (row.note === "") this.#check.removeAttribute("aria-describedby");
    else this.#check.setAttribute("aria-describedby", this.#note.id);
    this.#label.title = plain(
      [row.path, row.description, index < 9 && `Key ${index + 1}`].filter(Boolean).join("\n"),
    );
  }

  /** The tools that the agent may call without a question, each with a button that takes this back. */
  #showGrants(): void {
    const { path, grants } = this.row;
    const wanted = JSON.stringify(grants);
    if (this.#shown === wanted) return;
    this.#shown = wanted;
    this.#grants.replaceChildren(
      ...Object.entries(grants).map(([tool, scope]) => {
        const until = scope === "run" ? "until the run ends" : "any more";
        const words = `${plain(asName(tool))}: approved${scope === "run" ? " for this run" : ""} ×`;
        return button(
          "nbs-quiet",
          words,
          `You are not asked about it ${until}. Click to be asked again.`,
          () => this.connection.send({ type: "revoke", path, tool }),
        );
      }),
    );
  }
}
