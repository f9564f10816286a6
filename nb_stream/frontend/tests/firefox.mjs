/**
 * The panel in Firefox, as a reader uses it: `node tests/firefox.mjs <firefox> <a JupyterLab notebook's address>
 * <picture>`. Prints each step that went well. The first step that fails ends the program with 1, and leaves a picture
 * of the page. tests/browser/test_firefox.py makes the notebook.
 */

import assert from "node:assert/strict";
import { launch } from "puppeteer-core";

const [executablePath, address, picture] = process.argv.slice(2);
const TIMEOUT_MS = 60_000;
const NAME = address.match(/[^/]+\.ipynb/)[0];
const CELL = ".nbs-panel details.nbs-cell";
const LIVE = ".nbs-live-cell";
const RESEARCHERS = ["historian", "physicist", "mechanic"];

const browser = await launch({ browser: "firefox", executablePath, headless: true });
const page = await browser.newPage();
page.setDefaultTimeout(TIMEOUT_MS);
await page.setViewport({ width: 1200, height: 900 });

const errors = [];
page.on("pageerror", ({ stack, message }) => {
  // The panel's module is loaded from a blob. Errors of the host itself do not count.
  if (stack?.includes("blob:") || !stack?.includes("/static/")) errors.push(stack || message);
});
page.on("console", (line) => line.type() === "error" && errors.push(line.text()));

// A run under way writes into the notebook, so JupyterLab asks whether the page may be left.
page.on("dialog", (asked) => asked.accept());

const until = (condition, ...values) => page.waitForFunction(condition, { polling: 50 }, ...values);

async function open(url) {
  await page.goto(url, { waitUntil: "domcontentloaded", timeout: TIMEOUT_MS });
  await until(
    () => window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel?.status === "idle",
  );
}

/** The value of an expression in the kernel, asked for without a cell: anything that JSON can hold. */
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

/** Wait until all of the agents write at the same time, and each has at least so many characters on the page. */
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

/** The texts that the Copy buttons of finished messages give, with the names of the agents. */
async function copied() {
  await page.evaluate(() => {
    const { clipboard } = navigator;
    const write = clipboard.writeText.bind(clipboard);
    clipboard.writeText = (text) => {
      window.copied = text;
      return write(text);
    };
  });
  const all = [];
  for (const cell of await page.$$(CELL)) {
    if (!(await cell.evaluate(({ open }) => open))) await (await cell.$("summary")).click();
    const button = await cell.waitForSelector(".nbs-foot button:first-child");
    await button.click();
    await until((button) => button.textContent.startsWith("Copied"), button);
    all.push([
      await cell.$eval(".nbs-agent-name", ({ textContent }) => textContent),
      await page.evaluate(() => window.copied),
    ]);
  }
  return all;
}

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

await step(
  "an agent that is unticked in mid-message holds its text, and ticked gives all of it",
  async () => {
    const tick = await control("historian", "checkbox");
    await tick.click();
    const live = await page.evaluateHandle(
      (live) =>
        [...document.querySelectorAll(live)].find(
          (cell) => cell.querySelector(".nbs-agent-name").textContent === "historian",
        ),
      LIVE,
    );
    await until((live) => /\d characters held/.test(live.textContent), live);
    const text = () => live.$eval(".nbs-text", ({ textContent }) => textContent);
    const painted = await text();
    const heard = await kernel("len(said('historian'))");
    while ((await kernel("len(said('historian'))")) < heard + 20);
    assert.equal(await text(), painted);
    await tick.click();
    await writing(["historian"], painted.length + 20);
  },
);

await step("finished messages fold, but for the last", async () => {
  await kernel("pace(0)");
  await ended(1);
  const shown = await page.$$eval(CELL, (cells) =>
    cells.map((cell) => [cell.querySelector(".nbs-agent-name").textContent, cell.open]),
  );
  assert.deepEqual(
    shown.map(([agent]) => agent).sort(),
    ["editor", "planner", "user", ...RESEARCHERS].sort(),
  );
  assert.deepEqual(
    shown.filter(([, isOpen]) => isOpen),
    [["editor", true]],
  );
});

await step(
  "the keyboard comes to the messages, goes from one to the next, and opens and closes them",
  async () => {
    const isThere = () =>
      page.evaluate(() => document.activeElement.matches(".nbs-panel .nbs-line:focus-visible"));
    await page.evaluate(() => window.jupyterapp.shell.currentWidget.content.activeCell.node.focus());
    for (let tabs = 0; tabs < 60 && !(await isThere()); tabs += 1) await page.keyboard.press("Tab");
    const agent = () =>
      page.evaluate(() => document.activeElement.querySelector(".nbs-agent-name")?.textContent);
    const isOpen = () => page.evaluate(() => document.activeElement.parentElement.open);
    assert.equal(await agent(), "editor", "the Tab key stops at the last message");
    await page.keyboard.press("Home");
    assert.equal(await agent(), "user");
    for (let steps = 0; steps < 4 && (await agent()) !== "physicist"; steps += 1)
      await page.keyboard.press("ArrowDown");
    assert.equal(await agent(), "physicist");
    for (const [key, opens] of Object.entries({ Enter: true, ArrowLeft: false, ArrowRight: true })) {
      await page.keyboard.press(key);
      assert.equal(await isOpen(), opens, key);
    }
    assert.equal(await kernel("len(get_ipython().user_ns['In'])"), 2, "a key has run a cell");
  },
);

await step("a formula is MathML, and Firefox sets it", async () => {
  await page.waitForSelector(`${CELL}[open] math mfrac`);
  const [height, ofLetter, space] = await page.$eval(`${CELL}[open] math mfrac`, (fraction) => [
    fraction.getBoundingClientRect().height,
    fraction.querySelector("mi").getBoundingClientRect().height,
    fraction.namespaceURI,
  ]);
  assert.equal(space, "http://www.w3.org/1998/Math/MathML");
  assert.ok(
    height > 1.5 * ofLetter && ofLetter > 0,
    `a fraction of ${height} px with letters of ${ofLetter} px`,
  );
});

await step("a page that is loaded again in mid-run ends with the kernel's transcript", async () => {
  await kernel("pace(0.4)");
  await ask("Once more");
  await writing(RESEARCHERS, 30);
  await execute("docmanager:save");
  await open(address);
  await writing(RESEARCHERS, 40);
  await kernel("pace(0)");
  await ended(2);
  assert.deepEqual(await copied(), await kernel("[(cell.agent, cell.text) for cell in panel.transcript]"));
});

await step("a saved notebook has the transcript where its kernel is not", async () => {
  const said = await kernel("[cell.text for cell in panel.transcript]");
  await execute("docmanager:save");
  const copy = await page.evaluate(async (name) => {
    const { contents } = window.jupyterapp.serviceManager;
    return (await contents.copy(name, "")).path;
  }, NAME);
  await open(address.replace(NAME, copy));
  await assert.rejects(kernel("panel"), /NameError/);
  await until((said) => {
    const outputs = [...document.querySelectorAll(".jp-OutputArea-output")];
    const shown = outputs
      .filter((output) => output.checkVisibility() && !output.querySelector(".nbs-root"))
      .map((output) => output.textContent)
      .join("\n");
    // The saved output is rendered: the marks of Markdown and the names of languages are gone, and formulas are set.
    const words = (text) =>
      text.replace(/^```\w+|\$\$[^$]*\$\$|\$[^$]*\$/gm, "").match(/[\p{L}\p{N}]{3,}/gu) ?? [];
    return said.every((text) => words(text).every((word) => shown.includes(word)));
  }, said);
});

await step("no error is told in the console", async () => assert.deepEqual(errors, []));
await browser.close();
