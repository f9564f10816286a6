/** Shows the controls of a replay: play and pause, the next message, a slider through the run, and the speed. */

import type { Connection } from "../../comm/connection";
import { onAbort } from "../../dom/abort";
import { button, h, once, setGroup, setName } from "../../dom/build";
import { setText } from "../../dom/safe_text";
import { isActive } from "../../protocol/model";

/** Milliseconds between two updates of the slider while the replay plays. */
const TICK_MS = 200;
/** Milliseconds in which the kernel is expected to answer where the slider was put. */
const SEEK_TIMEOUT_MS = 1000;

const SPEEDS: readonly (number | null)[] = [0.25, 0.5, 1, 2, 4, 8, 16, null];

/** Owned by one view of the panel; made when the module "extras" has come. */
export class ReplayBar {
  #play: HTMLButtonElement;
  #step: HTMLButtonElement;
  #seek = h("input", "nbs-seek");
  #place = h("span", "nbs-place");
  #speed = h("select", "nbs-speed");
  /** Whether the reader moves the slider. Until the reader lets it go, nothing else moves it. */
  #held = false;
  /** The time until which the slider stays where the reader let it go, unless the kernel answers before. */
  #until = 0;
  /** The kernel's last word (`replayAt`) when the reader let the slider go. */
  #sought = 0;
  #begin = once<void>(() => this.connection.send({ type: "start", task: "" }));
  #timer = 0;

  constructor(
    private readonly el: HTMLElement,
    private readonly connection: Connection,
    signal: AbortSignal,
  ) {
    this.#play = button("nbs-button", "Play", "", () => this.#toggle());
    this.#step = button(
      "nbs-button",
      "Next message",
      "Go to the end of the next message, and stand still there",
      () => this.#next(),
    );
    setGroup(this.el, "Replay");
    this.#seek.type = "range";
    this.#seek.min = "0";
    this.#seek.step = "any";
    setName(this.#seek, "Place in the run");
    this.#seek.addEventListener("input", () => {
      this.#held = true;
      this.#tell(Number(this.#seek.value));
    });
    this.#seek.addEventListener("change", () => {
      this.#held = false;
      this.#sought = connection.store.replayAt;
      this.#until = performance.now() + SEEK_TIMEOUT_MS;
      connection.send({ type: "replay", act: "seek", value: Number(this.#seek.value) });
    });
    setName(this.#speed, "Speed");
    this.#speed.append(...SPEEDS.map(option));
    this.#speed.addEventListener("change", () => {
      const { value } = this.#speed;
      connection.send({ type: "replay", act: "speed", value: value === "null" ? null : Number(value) });
    });
    this.el.append(this.#play, this.#step, this.#seek, this.#place, this.#speed);
    onAbort(signal, () => clearInterval(this.#timer));
  }

  update(): void {
    const { replay } = this.connection.store;
    this.el.hidden = replay === null;
    if (replay === null) return;
    const active = isActive(this.connection.store.state);
    const plays = active && !replay.paused;
    setText(this.#play, plays ? "Pause" : active ? "Resume" : "Play");
    this.#play.title = active ? "" : "Play the next run of the recording";
    this.#show(replay.speed);
    this.#look();
    clearInterval(this.#timer);
    this.#timer = plays ? window.setInterval(() => this.#look(), TICK_MS) : 0;
  }

  #toggle(): void {
    const { replay, state } = this.connection.store;
    if (replay === null) return;
    if (isActive(state)) this.connection.send({ type: "replay", act: replay.paused ? "resume" : "pause" });
    else {
      if (replay.paused) this.connection.send({ type: "replay", act: "resume" });
      this.#begin();
    }
  }

  #next(): void {
    this.connection.send({ type: "replay", act: "step" });
    if (!isActive(this.connection.store.state)) this.#begin();
  }

  /** Choose `speed` in the list. A program may have set a speed that is not in the list: then it is added. */
  #show(speed: number | null): void {
    const value = String(speed);
    if (![...this.#speed.options].some((other) => other.value === value)) {
      this.#speed.append(option(speed));
    }
    this.#speed.value = value;
  }

  #look(): void {
    const { replay, replayAt, state } = this.connection.store;
    if (replay === null || this.#held) return;
    if (replayAt === this.#sought && performance.now() < this.#until) return;
    const moves = isActive(state) && !replay.paused && replay.speed !== null;
    const since = moves ? ((performance.now() - replayAt) / 1000) * replay.speed! : 0;
    const position = Math.min(replay.length, replay.position + since);
    this.#seek.max = String(replay.length);
    this.#seek.value = String(position);
    this.#tell(position);
  }

  #tell(position: number): void {
    const { run, runs, length } = this.connection.store.replay!;
    const place = `${clock(position)} of ${clock(length)}`;
    setText(this.#place, runs > 1 ? `Run ${run} of ${runs}, ${place}` : place);
    this.#seek.setAttribute("aria-valuetext", place);
  }
}

function option(speed: number | null): HTMLOptionElement {
  const el = h("option", "", speed === null ? "At once" : `${speed} ×`);
  el.value = String(speed);
  return el;
}

/** Seconds as "0:07" or "12:30". */
function clock(seconds: number): string {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
