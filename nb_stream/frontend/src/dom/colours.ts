/** Which of the theme's agent colours an agent has, and which mark: by its place in the team, the same in every view. */

import { USER } from "../protocol/model";
import type { AgentRow } from "../protocol/protocol";

/** Colours that can be told apart, and marks for the teams that have more agents than that; as in `theme.css`. */
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

/** The class of the agent in that place of the team. */
export function placeClass(place: number): string {
  const mark = Math.floor(place / AGENT_COLOURS) % (MARKS + 1);
  return `nbs-c${place % AGENT_COLOURS}${mark > 0 ? ` nbs-mark${mark}` : ""}`;
}
