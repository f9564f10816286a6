import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ScriptedKernel } from "../dev/kernel";
import { AGENT_COLOURS, colourClass, MARKS, placeClass } from "../src/dom/colours";

type Colour = [number, number, number];

const css = readFileSync("src/styles/theme.css", "utf8");
/**
 * The backgrounds of JupyterLab's and VS Code's own themes, the panel's own for pages without a theme, and the
 * background of cells that wait for a person.
 */
const BACKGROUNDS = {
  light: ["#ffffff", "#f5f5f5"],
  dark: ["#000000", "#111111", "#1e1e1e", "#212121", "#2a2a2a", "#2b2824"],
};

/** Linear RGB as an eye without one kind of cone sees it (Machado, Oliveira and Fernandes 2009, full severity). */
const EYES: Record<string, [Colour, Colour, Colour]> = {
  trichromacy: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};
const XYZ: [Colour, Colour, Colour] = [
  [0.4339, 0.3762, 0.1899],
  [0.2126, 0.7152, 0.0722],
  [0.0178, 0.1095, 0.8727],
];

function linear(colour: string): Colour {
  return [1, 3, 5].map((at) => {
    const value = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  }) as Colour;
}

function times(matrix: readonly Colour[], [x, y, z]: Colour): Colour {
  return matrix.map(([a, b, c]) => Math.min(1, Math.max(0, a * x + b * y + c * z))) as Colour;
}

function luminance(colour: string): number {
  return times([XYZ[1]], linear(colour))[0];
}

function contrast(a: string, b: string): number {
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

/** CIELAB under D65. */
function lab(colour: Colour): Colour {
  const [x, y, z] = times(XYZ, colour).map((v) =>
    v > 0.008856 ? Math.cbrt(v) : 7.787 * v + 16 / 116,
  ) as Colour;
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

/** CIEDE2000. A distance of 1 can just be seen side by side; at 10, colours cannot be mistaken at a glance. */
function distance([l1, a1, b1]: Colour, [l2, a2, b2]: Colour): number {
  const { sqrt, hypot, cos, sin, exp, abs, atan2, PI } = Math;
  const rad = PI / 180;
  const mean7 = ((hypot(a1, b1) + hypot(a2, b2)) / 2) ** 7;
  const g = 1.5 - 0.5 * sqrt(mean7 / (mean7 + 25 ** 7));
  const [c1, c2] = [hypot(a1 * g, b1), hypot(a2 * g, b2)];
  const [h1, h2] = [(atan2(b1, a1 * g) / rad + 360) % 360, (atan2(b2, a2 * g) / rad + 360) % 360];
  const turn = ((h2 - h1 + 540) % 360) - 180;
  const [l, c] = [(l1 + l2) / 2, (c1 + c2) / 2];
  const h = (h1 + turn / 2 + 360) % 360;
  const dH = 2 * sqrt(c1 * c2) * sin((turn / 2) * rad);
  const t =
    1 -
    0.17 * cos((h - 30) * rad) +
    0.24 * cos(2 * h * rad) +
    0.32 * cos((3 * h + 6) * rad) -
    0.2 * cos((4 * h - 63) * rad);
  const sl = 1 + (0.015 * (l - 50) ** 2) / sqrt(20 + (l - 50) ** 2);
  const [sc, sh] = [1 + 0.045 * c, 1 + 0.015 * c * t];
  const rt = -2 * sqrt(c ** 7 / (c ** 7 + 25 ** 7)) * sin(60 * exp(-(((h - 275) / 25) ** 2)) * rad);
  const [dl, dc, dh] = [abs(l2 - l1) / sl, (c2 - c1) / sc, dH / sh];
  return sqrt(dl ** 2 + dc ** 2 + dh ** 2 + rt * dc * dh);
}

const colours = [...css.matchAll(/--nbs-(agent|bad|good|warn|accent): light-dark\((#\w{6}), (#\w{6})\)/g)];

test("every agent's colour, and every colour that warns, can be read on every background", () => {
  expect(colours.length).toBeGreaterThanOrEqual(11);
  for (const [name, , light, dark] of colours) {
    for (const background of BACKGROUNDS.light)
      expect(contrast(light!, background), name).toBeGreaterThan(4.5);
    for (const background of BACKGROUNDS.dark) expect(contrast(dark!, background), name).toBeGreaterThan(4.5);
  }
});

test("the distance is CIEDE2000", () => {
  // Pairs 1, 7 and 17 of Sharma, Wu and Dalal (2005).
  expect(distance([50, 2.6772, -79.7751], [50, 0, -82.7485])).toBeCloseTo(2.0425, 3);
  expect(distance([50, 0, 0], [50, -1, 2])).toBeCloseTo(2.3669, 3);
  expect(distance([50, 2.5, 0], [73, 25, -18])).toBeCloseTo(27.1492, 3);
});

const agents = (place: 2 | 3) => colours.filter(([, name]) => name === "agent").map((found) => found[place]!);

/** The least distance between two of `some` colours. */
function least(some: string[], matrix: Colour[]): number {
  const seen = some.map((colour) => lab(times(matrix, linear(colour))));
  return Math.min(...seen.flatMap((one, at) => seen.slice(at + 1).map((other) => distance(one, other))));
}

test.each([
  ["light", 2, "#1f2328"],
  ["dark", 3, "#e6e6e6"],
] as const)("no two agents of a team of twelve look alike in %s, nor like the text", (_theme, place, ink) => {
  expect(agents(place).length).toBe(AGENT_COLOURS);
  expect(least(agents(place), EYES.trichromacy!)).toBeGreaterThan(14.5);
  for (const colour of agents(place)) {
    expect(least([colour, ink], EYES.trichromacy!), colour).toBeGreaterThan(12);
    expect(luminance(colour), `${colour} is nearly black`).toBeGreaterThan(0.05);
  }
});

test.each([
  ["light", 2],
  ["dark", 3],
] as const)("no two agents of a team of eight look alike in %s, to any eyes", (_theme, place) => {
  const eight = agents(place).slice(0, 8);
  expect(least(eight, EYES.trichromacy!)).toBeGreaterThan(15);
  for (const [eyes, matrix] of Object.entries(EYES)) expect(least(eight, matrix), eyes).toBeGreaterThan(10);
});

test("a larger team has marks too, and no two of its agents share colour and mark", () => {
  const classes = Array.from({ length: 72 }, (_, place) => placeClass(place));
  expect(new Set(classes).size).toBe(72);
  expect(classes.slice(0, 12).filter((name) => name.includes("mark"))).toEqual([]);
  for (let mark = 1; mark <= MARKS; mark++) expect(css).toContain(`.nbs-mark${mark} {`);
  const kernel = new ScriptedKernel();
  const rows = Array.from({ length: 30 }, (_, place) => kernel.agent(`a${place}`));
  expect(colourClass(rows, "a29")).toBe("nbs-c5 nbs-mark2");
});

test("people are neutral wherever they speak, and nobody else is", () => {
  const agents = new ScriptedKernel();
  const rows = [agents.agent("boss"), agents.agent("user", { path: "crew/user" })];
  expect(colourClass(rows, "boss")).toBe("nbs-c0");
  expect(colourClass(rows, "crew/user")).toBe("nbs-c1");
  for (const path of ["user", "boss/user", "", undefined]) expect(colourClass(rows, path)).toBe("nbs-c-none");
  expect(colourClass(rows, "boss/diver")).toMatch(/^nbs-c\d+$/);
});
