/** One view of a connection: builds the parts and paints them, at most once for each frame of the screen. */

import type { Connection } from "../connection";
import { h } from "../dom";
import { followTheme } from "../theme";
import { Announcer } from "./announcer";
import { Header } from "./header";
import { History } from "./history";
import { LiveArea } from "./live";
import { Notice } from "./notice";
import { Tail } from "./tail";
import { TaskBox } from "./task";

/** Show the panel of `connection` in `el` until `signal` aborts. */
export function showPanel(connection: Connection, el: HTMLElement, signal: AbortSignal): void {
  const { store } = connection;
  const header = new Header(connection);
  const task = new TaskBox(connection);
  const notice = new Notice(connection);
  const live = new LiveArea(connection);
  const history = new History(connection, live);
  const announcer = new Announcer(store, signal);
  const empty = h("p", "nbs-empty", "Nothing has been said yet.");
  const scroller = h("div", "nbs-scroller", history.el, live.el, empty);
  scroller.tabIndex = 0;
  scroller.setAttribute("role", "log");
  scroller.setAttribute("aria-live", "off");
  scroller.setAttribute("aria-label", "Transcript");

  let frame = 0;
  let cellsChanged = true;
  const schedule = () => {
    frame ||= requestAnimationFrame(paint);
  };
  const tail = new Tail(scroller, history, schedule, signal);
  const paint = () => {
    frame = 0;
    const follows = tail.follows;
    header.update();
    task.update();
    notice.update();
    if (cellsChanged) history.update(follows);
    cellsChanged = false;
    history.arrange(follows);
    live.update();
    empty.hidden = history.length > 0 || store.live.size > 0;
    tail.update();
  };

  const root = h("section", "nbs-root");
  root.setAttribute("aria-label", "nb_stream panel");
  // JupyterLab leaves the keys alone inside an element that says so.
  root.dataset.lmSuppressShortcuts = "true";
  const log = h("div", "nbs-log", scroller, tail.jump);
  root.append(h("div", "nbs-panel", header.el, task.el, notice.el, log, announcer.el));
  followTheme(root, signal);
  el.append(root);

  const unsubscribe = store.subscribe((changes) => {
    announcer.hear(changes);
    cellsChanged ||= changes.some(({ what }) => what === "settled" || what === "run" || what === "snapshot");
    schedule();
  });
  signal.addEventListener(
    "abort",
    () => {
      unsubscribe();
      cancelAnimationFrame(frame);
      root.remove();
    },
    { once: true },
  );
  paint();
}
