/** Numbers, times and durations as a reader sees them. */

const NUMBER = new Intl.NumberFormat("en");
// Made once: a formatter costs more than all that it formats.
const TIME = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const DATE_AND_TIME = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

/** "1 character", "1,234 characters". */
export function count(amount: number, noun: string): string {
  return `${NUMBER.format(amount)} ${noun}${amount === 1 ? "" : "s"}`;
}

/** Seconds as "0.4 s", "12 s" or "3 min 5 s". */
export function duration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** The time of day in the reader's own way, "14:05". */
export function timeOfDay(epoch: number): string {
  return TIME.format(epoch * 1000);
}

export function dateAndTime(epoch: number): string {
  return DATE_AND_TIME.format(epoch * 1000);
}

/** JSON text with line breaks and indentation; other text as it is. */
export function prettyJson(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
