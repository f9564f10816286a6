import { defineConfig } from "vitest/config";

export default defineConfig({
  define: { __CSS__: '{ name: "", text: "" }', __PANEL__: '"panel.test"', __EXTRAS__: '"extras.test"' },
  test: {
    environment: "happy-dom",
    include: ["tests/**/*.test.ts"],
    maxWorkers: "100%", // vitest leaves one core free, which is half of a machine with two
    expect: { poll: { timeout: 20_000 } }, // a busy machine is slow, and not wrong
  },
});
