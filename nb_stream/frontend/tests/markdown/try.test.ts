import { readFileSync } from "node:fs";
import spec from "commonmark-spec";
import { test } from "vitest";
import { htmlOf, normalize, plainServices } from "./html";
import { MarkdownWriter } from "../../src/markdown/writer";
import { random } from "../helpers";
const gfm = JSON.parse(readFileSync("/work/shared/corpora/gfm_extension_examples.json","utf8"));
test("gfm", () => {
  for (const [i, {section, markdown, html}] of gfm.entries()) {
    const want = normalize(html), got = htmlOf(markdown);
    if (want !== got) console.log(i, section, "\n"+markdown+"\nWANT "+want+"\nGOT  "+got);
  }
});
test("cut", () => {
  const docs = [...spec.tests.map(t => t.markdown.replaceAll("→", "\t")), ...gfm.map((g: {markdown: string}) => g.markdown)];
  const t0 = Date.now();
  const seed = 7; const chance = random(seed);
  let n = 0, bad = 0, diffs = 0;
  const pick = <T,>(a: T[]) => a[Math.floor(chance()*a.length)]!;
  const parts = { text: 12, items: 3 };
  while (Date.now() - t0 < 60000 && bad < 6) {
    let text = pick(docs);
    const k = Math.floor(chance()*3); for (let i=0;i<k;i++) text += pick(["","\n"]) + pick(docs);
    // mutate
    const m = Math.floor(chance()*4);
    for (let i=0;i<m;i++) { const at = Math.floor(chance()*text.length); const how = chance();
      if (how<.4) text = text.slice(0,at)+text.slice(at+1+Math.floor(chance()*3)); else if (how<.8) text = text.slice(0,at)+pick(["*","_","`","[","]","(",")","\n","\n\n","> ","- ","  ","    ","|","\\","$","~","<","&","!","#","1. ","\t","\r\n"])+text.slice(at); else text = text.slice(0, at); }
    const whole = document.createElement("div"); const w = new MarkdownWriter(whole, plainServices, undefined, parts); 
    const cut = document.createElement("div"); const c = new MarkdownWriter(cut, plainServices, undefined, parts);
    const size = pick([1,4,30]);
    try {
    w.write(text); w.end();
    for (let at=0; at<text.length;) { const s = 1+Math.floor(chance()*size); c.write(text.slice(at,at+s)); at+=s; }
    c.end();
    } catch (e) { bad++; console.log(JSON.stringify(text), (e as Error).stack?.slice(0,600)); continue; }
    n++;
    if (!whole.isEqualNode(cut)) { bad++; console.log(JSON.stringify(text)+"\nWHOLE "+whole.innerHTML+"\nCUT   "+cut.innerHTML); }
  }
  console.log(n, "cases", bad, "bad", (Date.now()-t0)/n, "ms each");
}, 100000);
