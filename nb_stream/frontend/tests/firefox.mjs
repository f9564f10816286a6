/**
 * The panel in Firefox, as a reader uses it: `node tests/firefox.mjs <firefox> <a JupyterLab notebook's address> <picture>`.
 * Prints each step that went well; the first that does not ends it with 1, and leaves a picture of the page.
 * The notebook is tests/browser/test_firefox.py's.
 */

import assert from "node:assert/strict";
import { launch } from "puppeteer-core";

const [executablePath, address, picture] = process.argv.slice(2);
const TIMEOUT = 60_000;
const LIVE = ".nbs-live-cell";
const RESEARCHERS = ["historian", "physicist", "mechanic"];

const browser = await launch({ browser: "firefox", executablePath, headless: true });
const page = await browser.newPage();
page.setDefaultTimeout(TIMEOUT);
await page.setViewport({ width: 1200, height: 900 });

const errors = [];
page.on("pageerror", ({ stack, message }) => {
  // Our module is loaded from a blob; the host's own faults are not ours.
  if (stack?.includes("blob:") || !stack?.includes("/static/")) errors.push(stack || message);
});
page.on("console", (line) => line.type() === "error" && errors.push(line.text()));

const until = (condition, ...values) => page.waitForFunction(condition, { polling: 50 }, ...values);

async function open(url) {
  await page.goto(url, { waitUntil: "domcontentloaded", timeout: TIMEOUT });
  await until(
    () => window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel?.status === "idle",
  );
}

/** What an expression is in the kernel, asked without a cell: anything that JSON can say. */
const kernel = (expression) =>
  page.evaluate(async (code) => {
    const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
    const asked = kernel.requestExecute({ code: "", silent: true, user_expressions: { v: `say(${code})` } });
    const { v } = (await asked.done).content.user_expressions;
    if (v.status !== "ok") throw new Error(`${v.ename}: ${v.evalue}`);
    return v.data["application/json"][0];
  }, expression);

const execute = (command) => page.evaluate((name) => window.jupyterapp.commands.execute(name), command);
const control = (name, role) => page.waitForSelector(`.nbs-panel ::-p-aria(${name}[role="${role}"])`);

async function ask(task) {
  const field = await page.waitForSelector(".nbs-panel textarea");
  await field.click();
  await page.keyboard.type(task);
  await (await control("Run", "button")).click();
}

/** Wait until each of them is writing, and has at least that many characters on the page, all at the same time. */
const writing = (agents, length) =>
  until(
    (live, agents, length) => {
      const shown = [...document.querySelectorAll(live)].map((cell) => [
        cell.querySelector(".nbs-agent-name").textContent,
        cell.querySelector(".nbs-text").textContent.length,
      ]);
      return agents.every((agent) => shown.some(([name, count]) => name === agent && count >= length));
    },
    LIVE,
    agents,
    length,
  );

const ended = (runs) =>
  until((runs) => document.querySelectorAll(".nbs-run-end")[runs - 1]?.textContent.includes("done"), runs);

async function step(name, work) {
  try {
    await work();
  } catch (error) {
    await page.screenshot({ path: picture }).catch(() => {});
    console.log(`FAILED: ${name}\n${error.stack}\n${errors.join("\n")}`);
    await browser.close();
    process.exit(1);
  }
  console.log(name);
}

await step("a notebook opens and its panel is shown", async () => {
  await open(address);
  await execute("notebook:run-cell");
  await page.waitForSelector(".nbs-panel");
});

await step("agents that write at the same time stream at the same time", async () => {
  await ask("Why does a bicycle stay up?");
  await writing(RESEARCHERS, 30);
});

await step("no error is told in the console", async () => assert.deepEqual(errors, []));
await page.screenshot({ path: picture });
await kernel("pace(0)");
await ended(1);

await browser.close();
