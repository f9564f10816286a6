import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const css = readFileSync("src/styles/theme.css", "utf8");
/** The backgrounds of JupyterLab's and VS Code's own themes, and those of the panel for pages without a theme. */
const BACKGROUNDS = { light: ["#ffffff"], dark: ["#111111", "#1e1e1e", "#212121"] };

function luminance(colour: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const value = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
  return (light + 0.05) / (dark + 0.05);
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

test("no two agents of a team of eight have the same colour", () => {
  const agents = colours.filter(([, name]) => name === "agent");
  for (const theme of [2, 3]) expect(new Set(agents.map((found) => found[theme])).size).toBe(8);
});
