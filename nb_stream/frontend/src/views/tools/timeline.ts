/** Shows a run as a small picture: when each agent wrote, when tools ran, and when the team waited for a person. */

import type { Connection } from "../../comm/connection";
import { focusedIn, focusOn, h, hasModifier, setChildren } from "../../dom/build";
import { colourClass } from "../../dom/colours";
import { duration } from "../../dom/format";
import { type IconName, iconButton } from "../../dom/icons";
import { Redraw } from "../../dom/redraw";
import { svg } from "../../dom/svg";
import type { Cell, CellHead } from "../../protocol/model";
import { type BarKind, presentOf, rowsOf, TimelineRow } from "./timeline_row";

/** Owned by the tools of one view; made when the module "extras" has come. */
export class Timeline {
  #rows = h("div", "nbs-timeline-rows");
  #title = h("span", "nbs-timeline-title");
  #back = this.#turn("Earlier run", "earlier", -1);
  #on = this.#turn("Later run", "later", 1);
  #drawn = new Map<string, TimelineRow>();
  /** The bar at which the Tab key stops. The arrows go on from there. */
  #stop: SVGElement | undefined;
  /** The id of the run that is shown; undefined for the last run. */
  #run: string | undefined;
  #redraw: Redraw;

  constructor(
    private readonly el: HTMLElement,
    private readonly connection: Connection,
    /** Takes the reader to the cell with this id. */
    private readonly reveal: (id: string) => void,
    signal: AbortSignal,
  ) {
    this.#redraw = new Redraw(el, signal, () => this.draw());
    this.el.replaceChildren(
      h("div", "nbs-timeline-head", this.#title, this.#back, this.#on),
      this.#rows,
      h(
        "p",
        "nbs-label",
        legend("writing"),
        legend("working", "tools and code"),
        legend("waiting", "waiting for a person"),
      ),
    );
    this.#rows.addEventListener("click", ({ target }) => this.#go(target));
    this.#rows.addEventListener("keydown", (event) => this.#move(event));
    this.#rows.addEventListener("focusin", ({ target }) => this.#setStop(target as SVGElement));
  }

  update(): void {
    this.#redraw.soon();
  }

  draw(): void {
    const { store } = this.connection;
    const runs = store.runs;
    const found = runs.findIndex(({ id }) => id === this.#run);
    const index = found < 0 ? runs.length - 1 : found;
    const run = runs[index];
    this.#shut(this.#back, this.#on, index <= 0);
    this.#shut(this.#on, this.#back, index >= runs.length - 1);
    if (!run) {
      this.#title.textContent = "No run yet";
      this.#rows.replaceChildren();
      this.#drawn.clear();
      return;
    }
    const cells: (CellHead & { text?: string })[] = cellsOf(store.settled, run.id);
    for (const { head } of store.live.values()) if (head.run === run.id) cells.push(head);
    const begin = run.started_at ?? cells[0]?.started_at ?? 0;
    const end = run.ended_at ?? presentOf(cells, begin, store.replay !== null);
    this.#title.textContent = `Run ${index + 1}, ${duration(end - begin)}`;
    const before = this.#drawn;
    const focused = focusedIn(this.#rows);
    this.#drawn = new Map();
    for (const facts of rowsOf(cells, end, [run])) {
      const { path } = facts;
      const row = before.get(path) ?? new TimelineRow(path, colourClass(store.agents, path));
      row.draw(facts, begin, end, this.#stop);
      this.#drawn.set(path, row);
    }
    const rows = this.#inOrder;
    setChildren(
      this.#rows,
      rows.map(({ el }) => el),
    );
    // An element that is moved loses the focus.
    if (focused?.isConnected) focusOn(focused as SVGElement);
    if (!this.#stop || !this.#rows.contains(this.#stop)) this.#setStop(rows[0]?.bars[0]);
  }

  get #inOrder(): TimelineRow[] {
    return [...this.#drawn.values()];
  }

  /**
   * Shut a button, or open it. If it has the focus, `other` gets the focus before: a button that is shut would drop it.
   */
  #shut(el: HTMLButtonElement, other: HTMLButtonElement, shut: boolean): void {
    if (shut && focusedIn(el)) {
      other.disabled = false;
      focusOn(other);
    }
    el.disabled = shut;
  }

  #setStop(bar: SVGElement | undefined): void {
    this.#stop?.setAttribute("tabindex", "-1");
    bar?.setAttribute("tabindex", "0");
    this.#stop = bar;
  }

  #go(target: EventTarget | null): boolean {
    const id = this.#rowOf(target)?.idOf(target as Element);
    if (id !== undefined) this.reveal(id);
    return id !== undefined;
  }

  #rowOf(target: EventTarget | null): TimelineRow | undefined {
    return this.#inOrder.find(({ el }) => el.contains(target as Node));
  }

  /** Move the focus from bar to bar of a row, and to the rows above and below. Enter leads to the message of a bar. */
  #move(event: KeyboardEvent): void {
    const row = this.#rowOf(event.target);
    const bar = event.target as SVGElement;
    if (!row || hasModifier(event)) return;
    const rows = this.#inOrder;
    const at = row.bars.indexOf(bar);
    const moves: Record<string, () => SVGElement | undefined> = {
      ArrowLeft: () => row.bars[at - 1],
      ArrowRight: () => row.bars[at + 1],
      ArrowUp: () => rows[rows.indexOf(row) - 1]?.near(bar),
      ArrowDown: () => rows[rows.indexOf(row) + 1]?.near(bar),
      Home: () => row.bars[0],
      End: () => row.bars.at(-1),
    };
    const isPress = event.key === "Enter" || event.key === " ";
    if (moves[event.key]) focusOn(moves[event.key]!());
    else if (!isPress || !this.#go(bar)) return;
    event.preventDefault();
  }

  #turn(label: string, name: IconName, step: number): HTMLButtonElement {
    return iconButton(name, label, label, () => {
      const { runs } = this.connection.store;
      const at = runs.findIndex(({ id }) => id === this.#run);
      const to = (at < 0 ? runs.length - 1 : at) + step;
      this.#run = to === runs.length - 1 ? undefined : runs[to]?.id;
      this.draw();
    });
  }
}

function legend(what: BarKind, words: string = what): HTMLElement {
  const mark = svg("svg", {
    class: `nbs-legend`,
    viewBox: "0 0 14 14",
    width: 14,
    height: 14,
    "aria-hidden": "true",
  });
  const [y, height] = what === "writing" ? [1, 12] : what === "working" ? [7, 6] : [3, 8];
  mark.append(svg("rect", { class: `nbs-bar-${what}`, x: 1, y, width: 12, height, rx: 2 }));
  const el = h("span", "nbs-legend-entry");
  el.append(mark, words);
  return el;
}

/** The cells of a run, which stand together. */
function cellsOf(settled: readonly Cell[], run: string): Cell[] {
  const last = settled.findLastIndex((cell) => cell.run === run);
  const before = settled.slice(0, last + 1).findLastIndex((cell) => cell.run !== run);
  return settled.slice(before + 1, last + 1);
}
