/**
 * The page that the test of hostile texts drives: panels that show a text in every place where foreign text can stand.
 *
 * After each frame, the new elements are checked (`oracle.ts`). The page counts the scripts that ran.
 */

import { open } from "../src/index";
import type { CellKind } from "../src/protocol/model";
import { ScriptedKernel } from "./kernel";
import { faults } from "./oracle";

/** A text, and the pieces in which it is streamed. */
interface Payload {
  readonly text: string;
  readonly pieces: readonly string[];
}

const KINDS: readonly CellKind[] = [
  "text",
  "thought",
  "tool call",
  "code",
  "structured output",
  "handoff",
  "speaker selection",
  "memory",
  "human input",
  "approval",
  "error",
  "notice",
  "other",
];
const STREAMED: readonly CellKind[] = ["text", "thought"];
const EVENTS = [
  "mouseover",
  "mouseenter",
  "mousedown",
  "pointerdown",
  "focus",
  "keydown",
  "animationstart",
  "error",
];
const OWN_BUTTONS = "button, input, textarea, select, summary";

/** A text that must be found in every place that shows foreign text: if it is not found, the place was not tried. */
const SIGN = "sign";
const PLACES: Record<string, string> = {
  title: ".nbs-title",
  "state of the run": ".nbs-detail",
  caution: ".nbs-caution",
  notice: ".nbs-notice",
  agent: ".nbs-agents .nbs-agent-name",
  "note of an agent": ".nbs-note",
  "state of an agent": ".nbs-agent-status",
  "description of an agent": ".nbs-agent-label[title*=sign]",
  team: ".nbs-subteam-name",
  task: ".nbs-run-task",
  "end of a run": ".nbs-run-end",
  "message that is written": ".nbs-live-cell[data-kind=text] .nbs-text",
  "thought that is written": ".nbs-live-cell[data-kind=thought] .nbs-text",
  "agent that writes": ".nbs-live-cell .nbs-agent-name",
  message: "[data-kind=text] .nbs-md",
  thought: "[data-kind=thought] .nbs-md",
  "agent of a message": ".nbs-line .nbs-agent-name",
  "path of an agent": ".nbs-above",
  "first words": ".nbs-first",
  "kind that is not known": "[data-kind=other] .nbs-kind",
  tool: "[data-kind='tool call'] .nbs-call-name",
  "arguments and result": "[data-kind='tool call'] .nbs-source",
  "table of a result": "[data-kind='tool call'] td",
  "head of a table of a result": "[data-kind='tool call'] th",
  code: "[data-kind=code] .nbs-code code",
  "language of code": "[data-kind=code] .nbs-code-language",
  output: "[data-kind=code] .nbs-source",
  "key of structured output": "[data-kind='structured output'] .nbs-key",
  "value of structured output": "[data-kind='structured output'] .nbs-value",
  handoff: "[data-kind=handoff] .nbs-field",
  "speaker selection": "[data-kind='speaker selection'] .nbs-text",
  memory: "[data-kind=memory] .nbs-text",
  error: "[data-kind=error] .nbs-text",
  traceback: "[data-kind=error] .nbs-traceback",
  "what a person is asked": "[data-kind='human input'][data-status=waiting] .nbs-text",
  "box for the answer": "[data-kind='human input'] textarea[aria-label*=sign]",
  "answer of a person": "[data-kind='human input'] .nbs-field",
  "code to approve": "[data-kind=approval][data-status=waiting] .nbs-code code",
  "tool to approve": "[data-kind=approval] .nbs-call-name",
  link: ".nbs-link[href*=sign]",
  "text of a link": ".nbs-link",
  "image to load": ".nbs-load-image",
  "image that is not loaded": ".nbs-no-image",
  "table of a message": ".nbs-table td",
  "head of a table of a message": ".nbs-table th",
  heading: ".nbs-md h1",
  "item of a list": ".nbs-md li",
  quote: ".nbs-md blockquote",
  "code in a line": ".nbs-c",
  formula: ".nbs-math",
  filter: ".nbs-chip",
  "agent in the timeline": ".nbs-timeline .nbs-agent-name",
  "message in the timeline": ".nbs-bars title",
};

const state = {
  looks: 0,
  ran: [] as string[],
  faults: [] as string[],
  /** The places in which the sign has not been seen. */
  missing: Object.keys(PLACES),
};

for (const name of ["alert", "confirm", "prompt", "print", "open"] as const) {
  Object.assign(globalThis, { [name]: (said: unknown) => void state.ran.push(`${name}(${said})`) });
}
document.addEventListener("click", (event) => {
  if (event.target instanceof Element && event.target.closest("a")) event.preventDefault();
});

/** The text inside every construct of Markdown that can hold it. */
function placed(text: string): string[] {
  return [
    `[${text}](https://a.example/${text})`,
    `[link](https://a.example "${text}")`,
    `![${text}](https://a.example/p.png "${text}")`,
    `![image](${text})`,
    `[${text}]: ${text} "${text}"\n\n[${text}] ![${text}]`,
    `\`\`\`${text}\n${text}\n\`\`\``,
    `| ${text} | b |\n|---|---|\n| ${text} | <${text}> |`,
    `# ${text}\n\n- [ ] ${text}\n\n> ${text}`,
    `$${text}$ \\(${text}\\) \`${text}\`\n\n$$\n${text}\n$$`,
  ];
}

function everyKind(kernel: ScriptedKernel, text: string, number: number): void {
  const call = { id: "1", name: text, arguments: text, result: text };
  const rows = JSON.stringify([{ [text]: text }, { [text]: text }]);
  const calls = [call, { ...call, id: "2", arguments: rows, result: rows, is_error: true }];
  const data = {
    target: text,
    answer: text,
    how: text,
    traceback: text,
    output: text,
    code_blocks: [{ code: `${text}!`, language: text }],
    images: [text, `data:image/png;base64,${text}`],
    value: { [text]: [text, { [text]: text }] },
    what: { tool: text, arguments: text },
  };
  const more = { type: text, path: `${text}/${text}`, tool_calls: calls };
  for (const kind of KINDS) kernel.put(`${kind}-${number}`, text, kind, text, { ...more, data });
  const waiting = { status: "waiting" as const, path: text };
  const what = { code: text, language: text };
  kernel.put(`code-to-approve-${number}`, text, "approval", text, { ...waiting, data: { what } });
  kernel.put(`question-${number}`, text, "human input", text, { ...waiting, data: { request_id: text } });
  for (const [place, said] of placed(text).entries())
    kernel.put(`placed-${place}-${number}`, "poet", "text", said);
}

function mount(kernel: ScriptedKernel): { el: HTMLElement; close: () => void } {
  const controller = new AbortController();
  const el = document.body.appendChild(document.createElement("div"));
  kernel.moduleSource = async (name) => (await fetch(`${name}.js`)).text();
  open(kernel.model, controller.signal).show(kernel.model, el, controller.signal);
  const close = () => {
    controller.abort();
    el.remove();
  };
  return { el, close };
}

function look(root: Element, what: string): void {
  state.looks++;
  for (const fault of faults(root)) state.faults.push(`${what}: ${fault}`);
  state.missing = state.missing.filter((place) => {
    const selector = PLACES[place]!;
    const isSaid = selector.includes(`*=${SIGN}`);
    return ![...root.querySelectorAll(selector)].some((el) => isSaid || el.textContent.includes(SIGN));
  });
}

function nextFrame(): Promise<unknown> {
  return new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
}

/** Do to all elements what a reader could do to them, except for pressing the buttons of the panel. */
function touch(root: Element): void {
  for (const el of root.querySelectorAll("*")) {
    if (el.closest(OWN_BUTTONS)) continue;
    for (const type of EVENTS) el.dispatchEvent(new Event(type, { bubbles: false, cancelable: true }));
    if (el instanceof HTMLAnchorElement) el.click();
  }
}

/** Show the texts in the places of which a panel has only one. */
async function showInHeader(payloads: readonly Payload[]): Promise<void> {
  const kernel = new ScriptedKernel();
  const { el, close } = mount(kernel);
  for (const { text } of payloads) {
    kernel.title = kernel.caution = text;
    kernel.sendSnapshot();
    kernel.setState("failed", text);
    kernel.send({ op: "notice", text });
    await nextFrame();
    look(el, "header");
  }
  touch(el);
  close();
}

/** Show the texts everywhere: streamed, and at once. */
async function show(payloads: readonly Payload[]): Promise<void> {
  await showInHeader(payloads);
  const kernel = new ScriptedKernel();
  for (const [number, { text }] of payloads.entries()) {
    const row = { name: text, path: `${text}/${number}`, parent: text, description: text };
    kernel.agent(text, { ...row, note: text, status: text });
    kernel.run(`run ${number}`, text);
    kernel.endRun({ stop_reason: text });
  }
  const { el, close } = mount(kernel);
  const live = payloads.flatMap(({ text, pieces }, number) =>
    STREAMED.map((kind) => ({ id: `live-${kind}-${number}`, text, pieces, kind })),
  );
  for (const { id, text, kind } of live) kernel.begin(id, text, kind);
  const longest = Math.max(...payloads.map(({ pieces }) => pieces.length));
  for (let at = 0; at < longest; at++) {
    for (const { id, pieces } of live) if (at < pieces.length) kernel.write(id, pieces[at]!);
    await nextFrame();
    look(el.querySelector(".nbs-live")!, "streamed");
  }
  for (const { id } of live) kernel.settle(id);
  for (const [number, { text }] of payloads.entries()) everyKind(kernel, text, number);
  await nextFrame();
  for (const details of el.querySelectorAll("details")) details.open = true;
  for (const tool of el.querySelectorAll<HTMLElement>("[aria-controls]")) tool.click();
  // The module with the timeline comes by itself, soon after the panel.
  for (let i = 0; i < 600 && !el.querySelector(".nbs-bars"); i++) await nextFrame();
  for (let i = 0; i < 3; i++) await nextFrame();
  look(el, "at once");
  touch(el);
  await nextFrame();
  close();
}

Object.assign(globalThis, { hostile: { show, state, faults } });
