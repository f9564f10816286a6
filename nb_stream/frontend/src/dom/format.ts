/** Numbers, times and durations as a reader sees them. */

import type { Usage } from "../protocol/model";

export const NUMBER_FORMAT = new Intl.NumberFormat("en");
// Made once, because making a formatter costs more than formatting with it.
const TIME = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const DATE_AND_TIME = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

/** "1 character", "1,234 characters". */
export function count(amount: number, noun: string, nouns = `${noun}s`): string {
  return `${NUMBER_FORMAT.format(amount)} ${amount === 1 ? noun : nouns}`;
}

/** Seconds as "40 ms", "0.4 s", "12 s" or "3 min 5 s". */
export function duration(seconds: number): string {
  if (seconds > 0 && seconds < 0.0995) return `${Math.max(1, Math.round(1000 * seconds))} ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** US dollars with the digits that matter: "$1.25", "$0.0042". */
export function money(dollars: number): string {
  const zeros = dollars > 0 ? -Math.floor(Math.log10(dollars)) : 0;
  return `$${dollars.toFixed(Math.min(6, Math.max(2, zeros + 1)))}`;
}

/** The tokens of a call or a sum, after `word` if some of them are estimates; empty if there are none. */
export function tokens({ prompt_tokens, completion_tokens, about }: Usage, word: string): string {
  if (prompt_tokens + completion_tokens === 0) return "";
  const both = `${NUMBER_FORMAT.format(prompt_tokens)} prompt + ${count(completion_tokens, "completion token")}`;
  return about ? `${word} ${both}` : both;
}

/** A pace as "31 tokens/s", or "about 31 tokens/s" if it was counted from chunks. */
export function pace(perSecond: number, estimated = false): string {
  return `${estimated ? "about " : ""}${perSecond.toFixed(perSecond < 9.95 ? 1 : 0)} tokens/s`;
}

/** The time of day as the reader's system writes it, "14:05"; empty if `epoch` is no time. */
export function timeOfDay(epoch: number): string {
  if (!isTime(epoch)) return "";
  const now = Math.floor(epoch / 60);
  if (now !== minute) [minute, minuteText] = [now, TIME.format(epoch * 1000)];
  return minuteText;
}

// Neighbours in a transcript share their minute, so the text of the last minute is kept: formatting a time costs more
// than the rest of a line.
let minute = Number.NaN;
let minuteText = "";

export function dateAndTime(epoch: number): string {
  return isTime(epoch) ? DATE_AND_TIME.format(epoch * 1000) : "";
}

/** Whether a `Date` can hold `epoch`: for other numbers, formatters throw. */
function isTime(epoch: number): boolean {
  return !Number.isNaN(new Date(epoch * 1000).getTime());
}

/** Whether JavaScript's numbers can hold the numbers of a JSON text. A long integer, such as an id, would lose its last
 * digits. */
export function isExact(json: string): boolean {
  let inString = false;
  // Strings are read piece by piece: a pattern for a whole string of 30 MB needs more stack than there is.
  for (const [piece] of json.matchAll(/\\.|"|\d[\d.]*(?:[eE][-+]?\d+)?/gs)) {
    if (piece === '"') inString = !inString;
    else if (!inString && /^\d/.test(piece) && !isExactNumber(piece)) return false;
  }
  return true;
}

function isExactNumber(number: string): boolean {
  const digits = number
    .replace(/[eE].*/, "")
    .replace(".", "")
    .replace(/^0+/, "");
  return digits.length <= 15 && Number.isFinite(Number(number));
}
