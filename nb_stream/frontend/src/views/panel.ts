/** Builds one view of a connection, and paints changes in it, at most once for each frame of the screen. */

import type { Connection } from "../comm/connection";
import type { Change } from "../comm/store";
import { onAbort } from "../dom/abort";
import { h, setName } from "../dom/build";
import { count } from "../dom/format";
import { setText } from "../dom/safe_text";
import { followTheme } from "../dom/theme";
import { Announcer } from "./header/announcer";
import { Header } from "./header/header";
import { Notice } from "./header/notice";
import { TaskBox } from "./header/task_box";
import { keepKeys } from "./tools/keyboard";
import { PartOnDemand } from "./tools/on_demand";
import { Tools } from "./tools/tools";
import { FollowOutput } from "./transcript/follow_output";
import { History } from "./transcript/history";
import { LiveArea } from "./transcript/live";
import { EDIT } from "./transcript/run_actions";

/** Show the panel of `connection` in `el` until `signal` aborts. */
export function showPanel(connection: Connection, el: HTMLElement, signal: AbortSignal): void {
  const { store } = connection;
  const header = new Header(connection);
  const task = new TaskBox(connection);
  const replay = new PartOnDemand(h("div", "nbs-replay"), connection, signal, ({ ReplayBar }) => {
    const bar = new ReplayBar(replay.el, connection, signal);
    bar.update();
    return bar;
  });
  replay.el.hidden = true;
  const notice = new Notice(connection);
  let frame = 0;
  let changes: Change[] = [{ what: "snapshot" }];
  /** Whether the panel has a place on the page, in sight or not. In a collapsed output it has none. */
  let isLaidOut = true;
  const schedule = () => {
    if (isLaidOut) frame ||= requestAnimationFrame(paint);
  };
  const live = new LiveArea(connection, schedule, signal);
  const history = new History(connection, live, signal);
  const announcer = new Announcer(store, signal);
  const empty = h("p", "nbs-empty", "Nothing has been said yet.");
  const coming = h("p", "nbs-coming");
  const scroller = h("div", "nbs-scroller", coming, history.el, live.el, empty);
  scroller.tabIndex = 0;
  scroller.setAttribute("role", "log");
  scroller.setAttribute("aria-live", "off");
  setName(scroller, "Transcript");

  const follow = new FollowOutput(scroller, history, schedule, signal);
  const root = h("section", "nbs-root");
  const tools = new Tools(connection, { root, scroller, history, live, follow }, signal);
  const paint = () => {
    frame = 0;
    const now = changes;
    changes = [];
    const follows = follow.follows;
    if (now.length > 0) {
      header.update();
      task.update();
      replay.part?.update();
      notice.update();
    }
    history.update(now, follows);
    history.arrange(follows);
    live.update();
    tools.update(now);
    coming.hidden = store.missing === 0;
    setText(coming, coming.hidden ? "" : `${count(store.missing, "earlier message")} to come`);
    empty.hidden = history.length > 0 || store.live.size > 0;
    follow.painted();
  };

  setName(root, "nb_stream panel");
  header.heading.append(tools.el);
  const log = h("div", "nbs-log", scroller, follow.jump);
  root.append(
    h("div", "nbs-panel", header.el, task.el, replay.el, notice.el, tools.drawers, log, announcer.el),
  );
  followTheme(root, signal);
  keepKeys(root, signal);
  root.addEventListener(EDIT, (event) => task.edit((event as CustomEvent<string>).detail), { signal });
  el.append(root);
  history.watch(scroller, signal);

  const unsubscribe = store.subscribe((told) => {
    announcer.hear(told);
    // A live cell is painted from its own text, so the changes of its text are dropped: while the page is hidden, they
    // would pile up for hours.
    if (isLaidOut) changes.push(...told.filter(({ what }) => what !== "appended"));
    else changes = [{ what: "snapshot" }]; // everything is painted when the panel comes back
    schedule();
  });
  const places = new IntersectionObserver((entries) => {
    isLaidOut = entries.at(-1)!.boundingClientRect.height > 0;
    if (changes.length > 0) schedule();
  });
  places.observe(root);
  onAbort(signal, () => {
    unsubscribe();
    places.disconnect();
    cancelAnimationFrame(frame);
    root.remove();
  });
  paint();
  tools.openAddress();
}
