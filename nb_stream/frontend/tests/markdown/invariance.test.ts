import { beforeEach, expect, test, vi } from "vitest";
import { checkNow } from "../../src/markdown/stream/recheck";
import { Chance } from "./documents";
import { services, write } from "./write";

/** Documents times cuttings; `NB_STREAM_FUZZ=200000 npm test -- invariance` runs many more. */
const CASES = Number(process.env.NB_STREAM_FUZZ ?? 21_000);
const CUTTINGS = [1, 3, 8, 40, 300];
/** Parts that are small enough to be cut in short texts. */
const SMALL = { text: 12, items: 3 };
const FRESH = (Date.now() ^ (process.pid << 8)) >>> 0;

// Each image has an address of its own.
beforeEach(() => {
  vi.spyOn(URL, "createObjectURL").mockReturnValue("blob:image");
});

test(
  "any cutting of a text ends in the same elements as the whole",
  () => {
    const outcome = { cases: 0, differedBefore: 0, wrong: [] as string[] };
    for (const seed of [1, 20_260_101, FRESH]) {
      const chance = new Chance(seed);
      for (let left = CASES / 3; left > 0; left -= CUTTINGS.length) oneDocument(chance, outcome, seed);
    }
    const { cases, differedBefore, wrong } = outcome;
    console.log(
      `Chunk invariance: ${cases} cuttings, fresh seed ${FRESH}; before the whole text was read once more ` +
        `${differedBefore} differed, behind it ${wrong.length}.`,
    );
    expect(cases).toBeGreaterThanOrEqual(CASES);
    expect(wrong).toEqual([]);
  },
  60_000 + CASES * 40,
);

function oneDocument(
  chance: Chance,
  outcome: { cases: number; differedBefore: number; wrong: string[] },
  seed: number,
): void {
  const text = chance.document();
  const parts = chance.next() < 0.5 ? SMALL : undefined;
  const whole = write([text], parts).el;
  for (const longest of CUTTINGS) {
    outcome.cases++;
    const { el, writer } = write(chance.cut(text, longest), parts);
    if (el.isEqualNode(whole)) continue;
    outcome.differedBefore++;
    if (process.env.SHOW) console.log(longest, JSON.stringify(text));
    checkNow(el, text, writer.definitions, services(), parts);
    if (!el.isEqualNode(whole))
      outcome.wrong.push(`seed ${seed}, pieces to ${longest}: ${JSON.stringify(text)}`);
  }
}
