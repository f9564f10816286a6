/**
 * Finds out from the host whether the kernel of a model has gone, because a comm does not tell.
 *
 * JupyterLab and Notebook 7 know the state of a notebook's kernel, even if the kernel dies and is started anew. Other
 * hosts that are built on ipywidgets' manager mark their models as dead. The panel looks at the mark of its layout.
 */

import { onAbort } from "../dom/abort";
import type { Model } from "./host_model";

/** The states of a kernel that has lost what it held. A busy kernel, or one whose connection is cut, has not. */
const GONE_STATES: readonly unknown[] = ["restarting", "autorestarting", "dead", "terminating"];

interface Signal<T> {
  connect(slot: (sender: unknown, args: T) => void): unknown;
  disconnect(slot: (sender: unknown, args: T) => void): unknown;
}

interface Session {
  readonly statusChanged?: Signal<string>;
  readonly kernelChanged?: Signal<{ oldValue?: unknown }>;
}

interface Layout {
  readonly comm_live?: boolean;
  on?(event: string, callback: () => void): void;
  off?(event: string, callback: () => void): void;
}

/** Call `tell` each time the kernel of `model` goes, until `signal` aborts. */
export function onKernelGone(model: Model, tell: () => void, signal: AbortSignal): void {
  const { context } =
    (model as { widget_manager?: { context?: { sessionContext?: Session } } }).widget_manager ?? {};
  const session = context?.sessionContext;
  const layout = model.get("layout") as Layout | undefined;
  const status = (_: unknown, now: string) => {
    if (GONE_STATES.includes(now)) tell();
  };
  const kernel = (_: unknown, { oldValue }: { oldValue?: unknown }) => {
    if (oldValue) tell();
  };
  const live = () => {
    if (layout?.comm_live === false) tell();
  };
  session?.statusChanged?.connect(status);
  session?.kernelChanged?.connect(kernel);
  layout?.on?.("comm_live_update", live);
  onAbort(signal, () => {
    session?.statusChanged?.disconnect(status);
    session?.kernelChanged?.disconnect(kernel);
    layout?.off?.("comm_live_update", live);
  });
}
