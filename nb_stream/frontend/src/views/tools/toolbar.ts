/** Shows the reader's tools: a row of signs, each with a name and a key. Some of them open drawers. */

import {
  focusedIn,
  focusOn,
  h,
  setName,
  setPolite,
  setPressed,
  setShortcut,
  uniqueId,
} from "../../dom/build";
import { type IconName, iconButton } from "../../dom/icons";
import { setText } from "../../dom/safe_text";

export interface Tool {
  icon: IconName;
  name: string;
  /** The key that presses the tool while the focus is in the panel. */
  key: string;
  /** The drawer that the tool opens and closes. */
  drawer?: HTMLElement;
  /** Called when the tool was pressed. `on` says whether its drawer is open, or its switch on, now. */
  act(on: boolean): void;
  /** Whether the tool stays pressed although it has no drawer. */
  isSwitch?: boolean;
}

/** Owned by the tools of one view. */
export class Toolbar {
  readonly el = h("div", "nbs-tools");
  /** Tells screen readers what a key did, because the focus stays where it was. */
  #said = h("span", "nbs-hidden");
  readonly drawers = h("div", "nbs-drawers", this.#said);
  #buttons: HTMLButtonElement[];
  /** The tools whose drawers are open, in the order in which they were opened. */
  #open: number[] = [];

  constructor(private readonly tools: readonly Tool[]) {
    setPolite(this.#said);
    this.el.setAttribute("role", "toolbar");
    setName(this.el, "Transcript");
    this.#buttons = tools.map((tool, index) => this.#button(tool, index));
    this.el.append(...this.#buttons);
    this.el.addEventListener("keydown", (event) => this.#move(event));
  }

  /** Close the drawer in which `target` lies, or the one that was opened last. False if none is open. */
  close(target: EventTarget | null): boolean {
    const around = this.#open.find((index) => this.tools[index]!.drawer!.contains(target as Node));
    const index = around ?? this.#open.at(-1);
    if (index === undefined) return false;
    this.#set(index, false);
    this.#say(index);
    return true;
  }

  /** Press the tool with `key`. False if no tool has it. */
  press(key: string): boolean {
    const index = this.tools.findIndex((tool) => tool.key === key);
    if (index < 0) return false;
    this.#buttons[index]!.click();
    this.#say(index);
    return true;
  }

  /** Show the tool with the sign `name` as on or off, because something else than its button has changed it. */
  reflect(name: IconName, on: boolean): void {
    const el = this.#buttons[this.tools.findIndex((tool) => tool.icon === name)]!;
    setPressed(el, on);
  }

  #button(tool: Tool, index: number): HTMLButtonElement {
    const el = iconButton(tool.icon, tool.name, `${tool.name} (${tool.key})`, () => this.#pressed(index));
    setShortcut(el, tool.key === "?" ? "Shift+?" : tool.key);
    el.tabIndex = index === 0 ? 0 : -1;
    if (tool.isSwitch) setPressed(el, false);
    if (tool.drawer) {
      tool.drawer.id = uniqueId("nbs-drawer");
      tool.drawer.hidden = true;
      el.setAttribute("aria-expanded", "false");
      el.setAttribute("aria-controls", tool.drawer.id);
      this.drawers.append(tool.drawer);
    }
    return el;
  }

  /** Tell screen readers what a key did. */
  say(words: string): void {
    setText(this.#said, words);
  }

  #say(index: number): void {
    const { name, drawer, isSwitch } = this.tools[index]!;
    const state = drawer ? "aria-expanded" : isSwitch ? "aria-pressed" : "";
    const isOn = this.#buttons[index]!.getAttribute(state) === "true";
    this.say(state === "" ? name : `${name}: ${isOn ? "on" : "off"}`);
  }

  #pressed(index: number): void {
    const tool = this.tools[index]!;
    if (tool.drawer) this.#set(index, tool.drawer.hidden !== false);
    else if (tool.isSwitch) {
      const on = this.#buttons[index]!.getAttribute("aria-pressed") !== "true";
      setPressed(this.#buttons[index]!, on);
      tool.act(on);
    } else tool.act(true);
  }

  #set(index: number, on: boolean): void {
    const { drawer, act } = this.tools[index]!;
    if (!drawer || drawer.hidden === !on) return;
    const el = this.#buttons[index]!;
    if (!on && focusedIn(drawer)) this.#focus(index);
    drawer.hidden = !on;
    this.#open = this.#open.filter((other) => other !== index);
    if (on) this.#open.push(index);
    el.setAttribute("aria-expanded", String(on));
    act(on);
  }

  /** Move the focus from tool to tool by the arrows: for the Tab key, the row is one stop. */
  #move(event: KeyboardEvent): void {
    const at = this.#buttons.indexOf(event.target as HTMLButtonElement);
    const last = this.#buttons.length - 1;
    const moves: Record<string, number> = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: last };
    const to = moves[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    this.#focus((to + last + 1) % (last + 1));
  }

  #focus(index: number): void {
    this.#buttons.forEach((el, other) => {
      el.tabIndex = other === index ? 0 : -1;
    });
    focusOn(this.#buttons[index]);
  }
}
