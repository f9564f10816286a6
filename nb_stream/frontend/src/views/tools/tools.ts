/** Connects the reader's tools with the transcript: search, filter, folding, timeline, figures, keys, full screen. */

import type { Connection } from "../../comm/connection";
import type { Change } from "../../comm/store";
import { focusOn, h } from "../../dom/build";
import { bringIntoView, leadPage } from "../../dom/scroll";
import { anchorOf } from "../transcript/cell_address";
import type { FollowOutput } from "../transcript/follow_output";
import type { History } from "../transcript/history";
import type { LiveArea } from "../transcript/live";
import { openForPrint } from "../transcript/open_for_print";
import { Bell } from "./bell";
import type { FiguresTable } from "./figures";
import { Filter } from "./filter";
import { Fullscreen } from "./fullscreen";
import { controlsOf, listenForKeys, RovingTabStop } from "./keyboard";
import { PartOnDemand } from "./on_demand";
import { Search } from "./search";
import { SearchBar } from "./search_bar";
import type { Timeline } from "./timeline";
import { type Tool, Toolbar } from "./toolbar";

/** The key that leads to the checkbox of the first agent. The arrows go on from there. */
const FIRST_SWITCH = "b";
const COMING = "This comes from the kernel, as soon as it answers.";

/** The parts of a view of the panel on which the tools work. */
export interface PanelParts {
  root: HTMLElement;
  scroller: HTMLElement;
  history: History;
  live: LiveArea;
  follow: FollowOutput;
}

/** Owned by one view of the panel. */
export class Tools {
  readonly el: HTMLElement;
  readonly drawers: HTMLElement;
  #filter: Filter;
  #searchBar: SearchBar;
  #timeline: PartOnDemand<Timeline>;
  #figures: PartOnDemand<FiguresTable>;
  #help: PartOnDemand<unknown>;
  #roving: RovingTabStop;
  /** The address to whose cell the reader was led. */
  #led = "";

  constructor(
    private readonly connection: Connection,
    private readonly parts: PanelParts,
    private readonly signal: AbortSignal,
  ) {
    const { root, scroller, history, follow } = parts;
    const search = new Search(history, (place) => this.#show(place));
    history.filled = (view) => search.mark(view);
    history.opened = (el) => search.markIn(el);
    history.shown = (view) => {
      if (view.hidden) this.#filter.clear();
      this.#show(view.line);
    };
    this.#searchBar = new SearchBar(search, signal);
    this.#filter = new Filter(
      () => this.#filtered(),
      () => [history.shownCells, history.cells],
    );
    this.#timeline = this.#later("nbs-timeline", ({ Timeline }) => {
      const timeline = new Timeline(this.#timeline.el, connection, (id) => this.#reveal(id), signal);
      timeline.draw();
      return timeline;
    });
    this.#figures = this.#later("nbs-figures-table", ({ FiguresTable }) => {
      const table = new FiguresTable(this.#figures.el, connection, signal);
      table.draw();
      return table;
    });
    this.#roving = new RovingTabStop(history, scroller);
    history.scrolled = () => this.#roving.update();
    const screen = new Fullscreen(root, (on) => bar.reflect("fullscreen", on));
    const bell = connection.hasKernel
      ? new Bell(connection.store, (words) => bar.say(words), signal)
      : undefined;
    const tools: Tool[] = [
      {
        icon: "search",
        name: "Search",
        key: "/",
        drawer: this.#searchBar.el,
        act: (on) => this.#searchBar.set(on),
      },
      { icon: "filter", name: "Filter by agent and kind", key: "f", drawer: this.#filter.el, act: () => {} },
      { icon: "expand", name: "Expand all", key: "e", act: () => history.openAll(true) },
      { icon: "collapse", name: "Collapse all", key: "c", act: () => history.openAll(false) },
      {
        icon: "timeline",
        name: "Timeline of a run",
        key: "t",
        drawer: this.#timeline.el,
        act: (on) => on && this.#timeline.part?.draw(),
      },
      {
        icon: "figures",
        name: "Times and token figures",
        key: "i",
        drawer: this.#figures.el,
        act: (on) => {
          root.classList.toggle("nbs-with-figures", on);
          if (on) this.#figures.part?.draw();
        },
      },
      { icon: "fullscreen", name: "Full screen", key: "F", act: () => void screen.toggle() },
    ];
    if (bell) {
      const name = "Notify me while the page is hidden";
      tools.push({ icon: "bell", name, key: "N", act: (on) => void bell.set(on), isSwitch: true });
    }
    this.#help = this.#later("nbs-help", ({ showKeys }) => {
      showKeys(this.#help.el, [...tools, { key: "l", name: "Jump to latest" }], connection.hasKernel);
      return true;
    });
    const name = "Keyboard shortcuts";
    tools.push({ icon: "keys", name, key: "?", drawer: this.#help.el, act: () => {} });
    const bar = new Toolbar(tools);
    if (bell) bar.reflect("bell", bell.isOn);
    this.el = bar.el;
    this.drawers = bar.drawers;
    listenForKeys(root, (key, target) => {
      if (key === "Escape") return bar.close(target) || screen.leave();
      if (key !== "l") return bar.press(key) || this.#press(key, target, bar);
      follow.toEnd();
      return true;
    });
    openForPrint(history, signal);
  }

  /** Follow `changes`. Call it when the cells are painted. */
  update(changes: readonly Change[]): void {
    const { store } = this.connection;
    for (const change of changes) {
      if (change.what === "opened") {
        const head = store.live.get(change.id)?.head;
        if (head) this.#filter.offer(head, store.agents);
      } else if (change.what === "settled") {
        const place = store.placeOf(change.id);
        if (place !== undefined) this.#filter.offer(store.settled[place]!, store.agents);
      } else if (change.what === "earlier") {
        for (const cell of store.settled.slice(0, change.count)) this.#filter.offer(cell, store.agents);
      } else if (change.what === "snapshot") {
        for (const cell of [...store.settled, ...[...store.live.values()].map(({ head }) => head)]) {
          this.#filter.offer(cell, store.agents);
        }
      }
    }
    this.#filterLive();
    this.#roving.update();
    if (changes.some(({ what }) => what === "earlier")) this.openAddress();
    if (changes.some(({ what }) => what === "settled" || what === "snapshot" || what === "earlier")) {
      this.#searchBar.refresh();
      this.#filter.tell();
    }
    this.#timeline.part?.update();
    this.#figures.part?.update();
    void this.#help.part;
  }

  /**
   * Go to the cell that the address of the page names. The browser cannot do this, because the cell came after the
   * address. The notebook is scrolled, too.
   */
  openAddress(): void {
    const { hash } = document.location;
    if (this.#led === hash || !hash.startsWith("#nbs-")) return;
    const cell = this.connection.store.settled.find((other) => `#${anchorOf(other)}` === hash);
    const view = cell && this.parts.history.view(cell.id);
    if (!view) return;
    this.#led = hash;
    this.parts.history.show(view);
    leadPage(this.parts.scroller, this.signal);
  }

  /** Press or focus the control that names `key` as its own. False if there is none. */
  #press(key: string, target: EventTarget | null, bar: Toolbar): boolean {
    const [control, ...others] = controlsOf(this.parts.root, key, target);
    if (!control) return false;
    const isText = control instanceof HTMLTextAreaElement;
    if (isText || others.length > 0 || key === FIRST_SWITCH) {
      focusOn(control);
      if (this.parts.scroller.contains(control)) this.#show(control);
    } else control.click();
    if (control instanceof HTMLInputElement && key !== FIRST_SWITCH) {
      const state = control.disabled ? "cannot stream" : control.checked ? "on" : "off";
      bar.say(`${control.closest("label")!.textContent}: ${state}`);
    }
    return true;
  }

  /** A drawer whose content comes with the module "extras". */
  #later<Part>(
    className: string,
    make: ConstructorParameters<typeof PartOnDemand<Part>>[3],
  ): PartOnDemand<Part> {
    const el = h("div", `nbs-drawer ${className}`, h("p", "nbs-label", COMING));
    return new PartOnDemand(el, this.connection, this.signal, make);
  }

  #reveal(id: string): void {
    const { history, live } = this.parts;
    const view = history.view(id);
    const writing = live.view(id);
    if (view) {
      history.show(view);
      focusOn(view.line);
    } else if (writing) {
      if (writing.el.hidden) this.#filter.clear();
      this.#show(writing.el);
    }
  }

  #show(place: Element | Range): void {
    this.parts.follow.release();
    bringIntoView(place, this.parts.scroller);
  }

  #filtered(): void {
    this.parts.history.filter(this.#filter.shows);
    this.#filterLive();
    this.#roving.update();
    this.#searchBar.refresh();
  }

  #filterLive(): void {
    for (const [id, { head }] of this.connection.store.live) {
      const view = this.parts.live.view(id);
      if (view) view.el.hidden = !this.#filter.shows(head);
    }
  }
}
