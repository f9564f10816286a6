/** Chooses the colour of an agent, and its mark, by the agent's place in the team: they are the same in every view. */

import { USER } from "../protocol/model";
import type { AgentRow } from "../protocol/protocol";

/** How many colours can be told apart, and how many marks there are for teams with more agents; as in `theme.css`. */
export const AGENT_COLOURS = 12;
export const MARKS = 5;

/** The class of the agent's colour; people and agents without a name are neutral. */
export function colourClass(agents: readonly AgentRow[], path: string | undefined): string {
  if (!path) return "nbs-c-none";
  const place = agents.findIndex((row) => row.path === path);
  if (place >= 0) return placeClass(place);
  if (path.split("/").at(-1) === USER) return "nbs-c-none";
  let sum = 0;
  for (const character of path) sum = (sum * 31 + character.codePointAt(0)!) % 65521;
  return placeClass(sum % AGENT_COLOURS);
}

/** The class of the agent with the number `place` in the team, from 0. */
export function placeClass(place: number): string {
  const mark = Math.floor(place / AGENT_COLOURS) % (MARKS + 1);
  return `nbs-c${place % AGENT_COLOURS}${mark > 0 ? ` nbs-mark${mark}` : ""}`;
}
