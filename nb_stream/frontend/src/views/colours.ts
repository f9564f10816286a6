/** Which of the theme's agent colours an agent has: by its place in the team, the same in every view. */

import type { AgentRow } from "../protocol";

const COLOURS = 8;

/** The class of the agent's colour; people and agents without a name are neutral. */
export function colourClass(agents: readonly AgentRow[], path: string | undefined): string {
  if (!path) return "nbs-c-none";
  const place = agents.findIndex((row) => row.path === path);
  if (place >= 0) return `nbs-c${place % COLOURS}`;
  if (path.split("/").at(-1) === "user") return "nbs-c-none";
  let sum = 0;
  for (const character of path) sum = (sum * 31 + character.codePointAt(0)!) % 65521;
  return `nbs-c${sum % COLOURS}`;
}
