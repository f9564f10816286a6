import spec from "commonmark-spec";
import { test } from "vitest";
import { htmlOf, normalize } from "./html";
test("x", () => {
  let ok = 0; const bad=[];
  for (const { markdown, html, number, section } of spec.tests) {
    const md = markdown.replaceAll("→", "\t"), want = normalize(html.replaceAll("→", "\t"));
    let got: string;
    try { got = htmlOf(md); } catch (e) { got = String((e as Error).stack).slice(0,300); }
    if (got === want) ok++; else bad.push([number, section, md, want, got]);
  }
  console.log(ok, bad.length);
  for (const b of bad) if (!/[<]\/?[a-z!?]/i.test(b[2] as string)) console.log(b.map(x=>JSON.stringify(x)).join("\n"));
  console.log(bad.filter(b => /[<]\/?[a-z!?]/i.test(b[2] as string)).map(b=>b[0]).join(" "));
});
