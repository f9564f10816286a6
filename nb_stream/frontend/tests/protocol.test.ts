import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import * as protocol from "../src/protocol/protocol";

const python = readFileSync("../wire/protocol.py", "utf8");
const typescript = readFileSync("src/protocol/protocol.ts", "utf8");

/** The names of the records in a source, each with the names of its fields. */
function records(source: string, head: RegExp, field: RegExp): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  let fields: string[] | undefined;
  for (const line of source.split("\n")) {
    const name = head.exec(line)?.[1];
    if (name) {
      fields = [];
      found[name] = fields;
    } else if (/^\S/.test(line)) fields = undefined;
    const key = field.exec(line)?.[1];
    if (fields && key) fields.push(key);
  }
  return found;
}

test("protocol.ts mirrors the names of wire/protocol.py", () => {
  const there = records(python, /^class (\w+)\(TypedDict\)/, /^ {4}(\w+): /);
  const here = records(typescript, /^export interface (\w+) \{/, /^ {2}(\w+)\??: /);
  expect(Object.keys(there).length).toBeGreaterThan(8);
  expect(here).toEqual(there);
});

test("both sides have the same version", () => {
  expect(Number(/^PROTOCOL_VERSION = (\d+)/m.exec(python)?.[1])).toBe(protocol.PROTOCOL_VERSION);
});
