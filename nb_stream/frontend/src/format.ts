/** Numbers, times and durations as a reader sees them. */

const NUMBER = new Intl.NumberFormat("en");

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
  return new Date(epoch * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

export function dateAndTime(epoch: number): string {
  return new Date(epoch * 1000).toLocaleString();
}

/** JSON text with line breaks and indentation; other text as it is. */
export function prettyJson(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
