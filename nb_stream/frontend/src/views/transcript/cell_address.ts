/** Tells where a cell stands: below which agents, and under which address on the page. */

import type { CellHead } from "../../protocol/model";

/** Levels by which a cell is indented at most. */
const MAX_INDENT = 4;

/** The path above the agent's own name, with its last slash; empty for the agents of the team itself. */
export function pathAbove({ path = "", agent = "" }: CellHead): string {
  return path !== agent && path.endsWith(`/${agent}`) ? path.slice(0, path.length - agent.length) : "";
}

/** The class that indents a cell under the agents and teams that run it. */
export function depthClass(head: CellHead): string {
  const depth = Math.min(pathAbove(head).split("/").length - 1, MAX_INDENT);
  return depth > 0 ? `nbs-d${depth}` : "";
}

/**
 * The fragment of the page's address that leads to a cell. It names the start of the cell, because ids of runs and
 * cells begin anew in each panel of a page.
 */
export function anchorOf({ run = "", id, started_at = 0 }: CellHead): string {
  return `nbs-${run}-${id}-${Math.round(started_at * 1000)}`.replace(/[^\w-]/g, "-");
}

export function linkTo(cell: CellHead): string {
  return `${document.URL.split("#")[0]}#${anchorOf(cell)}`;
}
