import { expect, test } from "vitest";
import { awaitOffer } from "../src/dom/page_modules";

test.each([
  ["the panel", () => import("../src/index")],
  ["extras", () => import("../src/modules/extras")],
  ["math", () => import("../src/modules/math")],
])("a page that cannot import %s is offered all that it exports", async (_name, load) => {
  const offered = awaitOffer();
  const module = await load();
  expect({ ...((await offered) as object) }).toEqual({ ...module });
});
