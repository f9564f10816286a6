/** The scenes that the dev page can show. In each, the scripted kernel sends something. */

import { ESSAY } from "./essay";
import { ScriptedKernel } from "./kernel";

const POEM = `The harbour wakes before the town:
a gull, a rope, a lamp gone brown,
and every boat that leaned on night
leans slowly back towards the light.

We count the nets, we count the days,
we learn the tide by what it weighs.`;

const REVIEW = `Three things I would keep, and one I would change.

1. The opening image is concrete, and it arrives early.
2. The rhyme never bends the grammar.
3. "Learn the tide by what it weighs" is the best line: it says something new.

The second stanza could move more slowly. Consider one more line about the people on the quay, so that the count has somebody to count for.`;

const PICTURE =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAADAAAAAYCAIAAAAzn+mLAAAK80lEQVR42g3SsQqqUAAA0Pc5DxoaGoKGhoagoaEhCAlsEEICe2SISBYZcpEsMkQkiwwRySJDLpJFhohkg9DQ0Oe8/uAM589fJMkgzywS55Aoj4QF5FFE7iXkVkb8CnKpIl4NgXXEbSDnJnJqIUcMsdvIvoNYXcQkEYNCdgyyHSIbDtF4ZCUg6gxRJESWkaWKLNbIXEdEA5laiHBAgIPwLjLxkPEVGQUIGyKDGGFeCJ0i1Bvpf5DeF/n35y+aZNBnFo1zaJRHwwL6KKL3Enoro34FvVRRr4bCOuo20HMTPbXQI4babXTfQa0uapKoQaE7Bt0O0Q2Hajy6ElB1hioSKsvoUkUXa3Suo6KBTi1UOKDAQXkXnXjo+IqOApQN0UGMMi+UTlHqjfY/aO+L/kBYksGeWSzOYVEeCwvYo4jdS9itjPkV7FLFvBoG65jbwM5N7NTCjhhmt7F9B7O6mEliBoXtGGw7xDYcpvHYSsDUGaZImCxjSxVbrLG5jokGNrUw4YABB+NdbOJh4ys2CjA2xAYxxrwwOsWoN9b/YL0v9gPhSQZ/ZvE4h0d5PCzgjyJ+L+G3Mu5X8EsV92o4rONuAz838VMLP2K43cb3Hdzq4iaJGxS+Y/DtEN9wuMbjKwFXZ7gi4bKML1V8scbnOi4a+NTChQMOHJx38YmHj6/4KMDZEB/EOPPC6RSn3nj/g/e++A9EJBnimSXiHBHlibBAPIrEvUTcyoRfIS5VwqsRsE64DeLcJE4t4ogRdpvYdwirS5gkYVDEjiG2Q2LDERpPrARCnRGKRMgysVSJxZqY64RoEFOLEA4EcAjeJSYeMb4So4BgQ2IQE8yLoFOCehP9D9H7Ej8QmWTIZ5aMc2SUJ8MC+SiS9xJ5K5N+hbxUSa9GwjrpNshzkzy1yCNG2m1y3yGtLmmSpEGRO4bcDskNR2o8uRJIdUYqEinL5FIlF2tyrpOiQU4tUjiQwCF5l5x45PhKjgKSDclBTDIvkk5J6k32P2TvS/5AdJKhn1k6ztFRng4L9KNI30v0rUz7FfpSpb0aDeu026DPTfrUoo8YbbfpfYe2urRJ0gZF7xh6O6Q3HK3x9Eqg1RmtSLQs00uVXqzpuU6LBj21aOFAA4fmXXri0eMrPQpoNqQHMc28aDqlqTfd/9C9L/0DsUmGfWbZOMdGeTYssI8iey+xtzLrV9hLlfVqLKyzboM9N9lTiz1irN1m9x3W6rImyRoUu2PY7ZDdcKzGsyuBVWesIrGyzC5VdrFm5zorGuzUYoUDCxyWd9mJx46v7Chg2ZAdxCzzYumUpd5s/8P2vuwPxCUZ7pnl4hwX5bmwwD2K3L3E3cqcX+EuVc6rcbDOuQ3u3OROLe6IcXab23c4q8uZJGdQ3I7htkNuw3Eaz60ETp1xisTJMrdUucWam+ucaHBTixMOHHA43uUmHje+cqOAY0NuEHPMi6NTjnpz/Q/X+3I/EEgy4JkFcQ5EeRAWwKMI7iVwKwO/Ai5V4NUArAO3Ac5NcGqBIwbsNth3gNUFJgkMCuwYsB2CDQc0HqwEoM6AIgFZBksVLNZgrgPRAFMLCAcAHMC7YOKB8RWMAsCGYBAD5gXoFFBv0P+A3hf8QGKSEZ9ZMc6JUV4MC+KjKN5L4q0s+hXxUhW9mgjrotsQz03x1BKPmGi3xX1HtLqi+ftKiTtG3A7FDSdqvLgSRHUmKpIoy+JSFRdrca6LoiFOLVE4iMAReVeceOL4Ko4CkQ3FQSwyL5FOReot9j9i7yv+QFKSkZ5ZKc5JUV4KC9KjKN1L0q0s+RXpUpW8mgTrktuQzk3p1JKOmGS3pX1HsrqSSUoGJe0YaTuUNpyk8dJKkNSZpEiSLEtLVVqspbkuiYY0tSThIAFH4l1p4knjqzQKJDaUBrHEvCQ6lai31P9Iva/0AylJRnlmlTinRHklLCiPonIvKbey4leUS1XxagqsK25DOTeVU0s5YordVvYdxeoqJqkYlLJjlO1Q2XCKxisrQVFniiIpsqwsVWWxVua6IhrK1FKEgwIchXeViaeMr8ooUNhQGcQK81LoVKHeSv+j9L7KD6QlGe2Z1eKcFuW1sKA9itq9pN3Kml/RLlXNq2mwrrkN7dzUTi3tiGl2W9t3NKurmaRmUNqO0bZDbcNpGq+tBE2daYqkybK2VLXFWpvrmmhoU0sTDhpwNN7VJp42vmqjQGNDbRBrzEujU416a/2P1vtqP5CeZPRnVo9zepTXw4L+KOr3kn4r635Fv1R1r6bDuu429HNTP7X0I6bbbX3f0a2ubpK6Qek7Rt8O9Q2na7y+EnR1piuSLsv6UtUXa32u66KhTy1dOOjA0XlXn3j6+KqPAp0N9UGsMy+dTnXqrfc/eu+r/0BmkjGfWTPOmVHeDAvmo2jeS+atbPoV81I1vZoJ66bbMM9N89Qyj5hpt819x7S6pkmaBmXuGHM7NDecqfHmSjDVmalIpiybS9VcrM25boqGObVM4WACx+Rdc+KZ46s5Ckw2NAexybxMOjWpt9n/mL2v+QPZScZ+Zu04Z0d5OyzYj6J9L9m3su1X7EvV9mo2rNtuwz437VPLPmK23bb3Hdvq2iZpG5S9Y+zt0N5wtsbbK8FWZ7Yi2bJsL1V7sbbnui0a9tSyhYMNHJt37Ylnj6/2KLDZ0B7ENvOy6dSm3nb/Y/e+9g/kJBnnmXXinBPlnbDgPIrOveTcyo5fcS5Vx6s5sO64DefcdE4t54g5dtvZdxyr65ikY1DOjnG2Q2fD/YI4K8FRZ44iObLsLFVnsXbmuiMaztRyhIMDHId3nYnnjK/OKHDY0BnEDvNy6NSh3k7/4/S+zg8Ekwx8ZmGcg1EehgX4KMJ7Cd7K0K/ASxV6NQjr0G3AcxOeWvCIQbsN9x1odaFJQoOCOwZuh3DDQY2HKwGqM6hIUJbhUoWLNZzrUDTg1ILCAQIH8i6ceHB8haMAsiEcxJB5QTqF1Bv2P7D3hT+Qn2T8Z9aPc36U98OC/yj695J/K/t+xb9Ufa/mw7rvNvxz0z+1/CPm221/3/Gtrm+SvkH5O8bfDv0N52u8vxJ8deYrki/L/lL1F2t/rvui4U8tXzj4wPF51594/vjqjwKfDf1B7DMvn0596u33P37v6/9AQZIJntkgzgVRPggLwaMY3EvBrRz4leBSDbxaAOuB2wjOzeDUCo5YYLeDfSewuoFJBgYV7JhgOww2XKDxwUoI1FmgSIEsB0s1WKyDuR6IRjC1AuEQACfg3WDiBeNrMAoCNgwGccC8AjoNqHfQ/wS9b/ADRUkmemajOBdF+SgsRI9idC9Ft3LkV6JLNfJqEaxHbiM6N6NTKzpikd2O9p3I6kYmGRlUtGOi7TDacJHGRyshUmeRIkWyHC3VaLGO5nokGtHUioRDBJyId6OJF42v0SiI2DAaxBHziug0ot5R/xP1vtEPlCSZ5JlN4lwS5ZOwkDyKyb2U3MqJX0ku1cSrJbCeuI3k3ExOreSIJXY72XcSq5uYZGJQyY5JtsNkwyUan6yERJ0lipTIcrJUk8U6meuJaCRTKxEOCXAS3k0mXjK+JqMgYcNkECfMK6HThHon/U/S+yY/UJpk0mc2jXNplE/DQvoopvdSeiunfiW9VFOvlsJ66jbSczM9tdIjltrtdN9JrW5qkqlBpTsm3Q7TDZdqfLoSUnWWKlIqy+lSTRfrdK6nopFOrVQ4pMBJeTedeOn4mo6ClA3TQZwyr5ROU+qd9j9p75v++w93Epa6MJaYiAAAAABJRU5ErkJggg==";

const TRACEBACK = `Traceback (most recent call last):
  File "/home/ann/teams/trip.py", line 12, in run
    result = await team.run(task=task)
  File "/opt/conda/lib/python3.12/site-packages/autogen_agentchat/teams/_group_chat.py", line 283, in run
    async for message in self.run_stream(
  File "/opt/conda/lib/python3.12/site-packages/openai/_base_client.py", line 1594, in request
    raise self._make_status_error_from_response(err.response) from None
openai.RateLimitError: Error code: 429 - the model server refused the call: try again in 20 s.`;

function team(): ScriptedKernel {
  const kernel = new ScriptedKernel();
  kernel.agent("poet");
  kernel.agent("critic", { note: "Streams from its next turn." });
  kernel.agent("planner", {
    can_stream: false,
    on: false,
    note: "Cannot stream: it makes no model call of its own.",
  });
  return kernel;
}

function nested(): ScriptedKernel {
  const kernel = team();
  kernel.agent("writer", { path: "research/writer", parent: "research", status: "silent" });
  kernel.agent("checker", { path: "research/checker", parent: "research", on: false });
  return kernel;
}

function begin(kernel: ScriptedKernel, task = "Write a short poem about a harbour, then review it."): void {
  const number = kernel.runs.length + 1;
  kernel.run(`r${number}`, task);
  kernel.setState("running", "turn 2 of at most 4");
  kernel.put(`u${number}`, "user", "text", task);
}

function say(kernel: ScriptedKernel, id: string, agent: string, text: string): void {
  kernel.begin(id, agent);
  kernel.write(id, text);
  kernel.now += 3.4;
  kernel.settle(id, {
    usage: { prompt_tokens: 311, completion_tokens: 87 },
    cost: 0.0016,
    ttft: 0.42,
    tokens_per_s: 31,
  });
}

function wholeRun(kernel: ScriptedKernel): void {
  begin(kernel);
  const call = { id: "1", name: "rhymes", arguments: '{"word": "town", "limit": 3}' };
  kernel.put("h1", "poet", "thought", "Short lines, a plain metre, and no moral at the end.");
  kernel.put("t1", "poet", "tool call", "", {
    tool_calls: [{ ...call, result: '["brown", "down", "crown"]' }],
  });
  say(kernel, "p1", "poet", POEM);
  kernel.put("s1", "planner", "speaker selection", "critic");
  say(kernel, "k1", "critic", REVIEW);
  kernel.endRun({
    stop_reason: "Maximum number of turns 4 reached",
    usage: { prompt_tokens: 1204, completion_tokens: 174 },
    cost: 0.0047,
    ttft: 0.42,
    tokens_per_s: 31,
  });
  kernel.setState("idle");
}

export const scenes: Record<string, () => ScriptedKernel> = {
  idle: team,
  nested,
  two() {
    const kernel = nested();
    wholeRun(kernel);
    begin(kernel, "Now a second stanza, and check it at the same time.");
    kernel.begin("p2", "poet");
    kernel.begin("k2", "critic");
    kernel.write("p2", POEM.slice(0, 170));
    kernel.write("k2", REVIEW.slice(0, 330));
    for (const row of kernel.agents.slice(0, 2)) row.status = "writing";
    kernel.sendAgents();
    return kernel;
  },
  gate() {
    const kernel = team();
    begin(kernel);
    say(kernel, "p1", "poet", POEM);
    kernel.begin("k1", "critic");
    kernel.write("k1", REVIEW.slice(0, 190));
    Object.assign(kernel.agents[1]!, { on: false, held: 1234, status: "writing", note: "" });
    kernel.agents[0]!.status = "done";
    kernel.sendAgents();
    return kernel;
  },
  /** Every construct of Markdown, while the text grows. */
  essay() {
    const kernel = team();
    begin(kernel, "Explain the tides to a sailor who likes mathematics.");
    kernel.begin("essay", "poet");
    return kernel;
  },
  /** The same text when it is finished. */
  essay_done() {
    const kernel = team();
    begin(kernel, "Explain the tides to a sailor who likes mathematics.");
    say(kernel, "essay", "poet", ESSAY);
    kernel.endRun({ stop_reason: "Done." });
    kernel.setState("idle");
    return kernel;
  },
  finished() {
    const kernel = team();
    wholeRun(kernel);
    wholeRun2(kernel);
    return kernel;
  },
  error() {
    const kernel = team();
    begin(kernel);
    say(kernel, "p1", "poet", POEM);
    kernel.begin("k1", "critic");
    kernel.write("k1", REVIEW.slice(0, 120));
    kernel.settle("k1", { status: "failed" });
    kernel.put(
      "e1",
      "",
      "error",
      "RateLimitError: the model server refused the call (429): try again in 20 s.",
      {
        status: "failed",
        data: { traceback: TRACEBACK },
      },
    );
    kernel.endRun({ status: "failed" });
    kernel.setState("failed", "RateLimitError: the model server refused the call (429).");
    return kernel;
  },
  input() {
    const kernel = team();
    begin(kernel);
    say(kernel, "p1", "poet", POEM);
    kernel.put(
      "i1",
      "editor",
      "human input",
      "Shall the poem stay as it is, or may I ask for another stanza?",
      {
        status: "waiting",
        data: { request_id: "q1" },
      },
    );
    kernel.setState("waiting for input", "editor asks");
    return kernel;
  },
  /** Three agents write at once. One of them thinks, and one is nested in a team. */
  thinking() {
    const kernel = nested();
    begin(kernel, "Plan the second stanza; think first.");
    kernel.begin("h1", "poet", "thought");
    kernel.write("h1", `${REVIEW}\n\nSo I keep the tide, and I move the nets`);
    kernel.begin("k1", "critic");
    kernel.write(
      "k1",
      "While the poet thinks, a remark on the **metre**:\n\n- four beats\n- no feminine endi",
    );
    kernel.begin("w1", "writer");
    Object.assign(kernel.live.get("w1")!, { path: "research/writer" });
    kernel.send({ op: "cell", cell: kernel.live.get("w1")! });
    kernel.write("w1", "Harbours of the north, notes so far: ");
    for (const row of kernel.agents) if (row.on) row.status = "writing";
    kernel.sendAgents();
    return kernel;
  },
  context() {
    const kernel = team();
    begin(kernel);
    say(kernel, "p1", "poet", POEM);
    kernel.contexts.p1 = {
      messages: [
        { role: "system", text: "You write *short* poems." },
        { role: "user", source: "user", text: "Write a short poem about a harbour, then review it." },
        {
          role: "assistant",
          source: "poet",
          tool_calls: [{ id: "1", name: "look_up", arguments: '{"word": "harbour"}' }],
          is_new: true,
        },
        {
          role: "tool",
          tool_calls: [{ id: "1", name: "look_up", arguments: "", result: "a place for ships" }],
          is_new: true,
        },
        { role: "user", source: "critic", text: REVIEW, is_new: true },
      ],
      total: 5,
      isWhole: true,
      tools: [{ name: "look_up", description: "Look a word up.", parameters: { word: "string" } }],
      options: { temperature: 0.5 },
      prompt_tokens: 311,
    };
    kernel.settled[kernel.settled.length - 1]!.has_context = true;
    kernel.sendSnapshot();
    kernel.endRun({ status: "done" });
    kernel.setState("idle");
    return kernel;
  },
  approval() {
    const kernel = team();
    begin(kernel, "Clean up the folder of last year's trips.");
    say(kernel, "p1", "poet", "I would delete the drafts and keep the rest.");
    const waiting = { status: "waiting" as const };
    const blocks = [
      { language: "python", code: "import shutil\n\nfor draft in drafts:\n    shutil.rmtree(draft)" },
      { language: "sh", code: "ls trips | wc -l" },
    ];
    const code = blocks.map((block) => `\`\`\`${block.language}\n${block.code}\n\`\`\``).join("\n\n");
    kernel.put("i1", "poet", "approval", `May this code run?\n\n${code}`, {
      ...waiting,
      data: { request_id: "q1", what: { code, code_blocks: blocks } },
    });
    kernel.put(
      "i2",
      "critic",
      "approval",
      "May send_mail be called with these arguments?\n\n```json\n…\n```",
      {
        ...waiting,
        data: {
          request_id: "q2",
          what: { tool: "send_mail", arguments: { to: "ann@example.org", lines: 12 } },
        },
      },
    );
    Object.assign(kernel.agents[1]!, { grants: { look_up: "tool", count_words: "run" } });
    kernel.setState("waiting for input", "poet and critic ask");
    return kernel;
  },
  kinds() {
    const kernel = nested();
    begin(kernel);
    const call = { name: "forecast", arguments: '{"city": "Lisbon", "days": 3}' };
    kernel.put("a0", "critic", "thought", "The forecast matters more than the metre here.");
    kernel.put("a1", "poet", "tool call", "", { status: "running", tool_calls: [{ id: "1", ...call }] });
    kernel.put("n1", "writer", "text", "Three sources agree, one does not.", { path: "research/writer" });
    kernel.put("n2", "checker", "tool call", "", {
      path: "research/checker",
      tool_calls: [{ id: "3", name: "lookup", arguments: "{}", result: '{"found": true}' }],
    });
    const days =
      '[{"day": "Monday", "high": 21, "rain": false}, {"day": "Tuesday", "high": 17.5, "rain": true}]';
    kernel.put("b2", "poet", "tool call", "", {
      ended_at: kernel.now + 1.2,
      tool_calls: [
        { id: "4", ...call, result: days },
        { id: "2", ...call, result: "KeyError: 'Lisbon'", is_error: true },
      ],
    });
    kernel.put("a3", "critic", "code", "", {
      data: {
        code_blocks: [{ language: "python", code: 'for i in range(3):\n    print("line", i)' }],
        output: "line 0\nline 1\nline 2\n",
        exit_code: 0,
      },
    });
    kernel.put("b3", "critic", "code", "", {
      data: {
        code_blocks: [{ language: "sh", code: "ls /nowhere" }],
        output: "No such folder\n",
        exit_code: 2,
      },
    });
    const verdict = {
      verdict: "keep",
      score: 8,
      lines: [1, 4],
      author: { name: "poet", year: 1999, alias: null },
    };
    kernel.put("a4", "critic", "structured output", JSON.stringify(verdict), { data: { value: verdict } });
    kernel.put("b4", "critic", "structured output", days);
    kernel.put("p0", "poet", "text", "The harbour at dusk:\n[image 1]", {
      data: { images: [PICTURE, "data:,x"] },
    });
    kernel.put("a5", "poet", "handoff", "Over to you.", { data: { target: "critic" } });
    kernel.put("s5", "planner", "speaker selection", "critic", { data: { agents: ["critic"] } });
    kernel.put("a6", "poet", "memory", "The reader likes short lines.");
    kernel.put("q6", "critic", "approval", "May this code run?\n\nrm -r drafts", {
      data: {
        request_id: "q",
        what: { code: "rm -r drafts", language: "sh" },
        how: "answered",
        answer: "reject: keep them",
      },
    });
    kernel.put("a7", "", "notice", "The kernel was interrupted.");
    kernel.put("a8", "critic", "text", "half a sen", { status: "cancelled" });
    kernel.put("o1", "critic", "other", "weight=3", { type: "WeightEvent" });
    kernel.put(
      "a9",
      "critic",
      "text",
      "Mind the \u202egap\u202c, the\u200b zero width and \u001b[31mred\u001b[0m.",
    );
    return kernel;
  },
  /** Ten thousand finished messages; `&n=…` for another number. */
  many() {
    const kernel = team();
    const wanted = Number(new URLSearchParams(location.search).get("n") ?? 10_000);
    begin(kernel);
    for (let i = 1; i < wanted; i++) {
      kernel.now += 2;
      const agent = i % 2 ? "poet" : "critic";
      const kind = i % 10 === 5 ? "thought" : "text";
      const text = `Message number ${i}. ${i % 3 ? POEM : REVIEW}`;
      const cell = { id: `m${i}`, agent, path: agent, kind, status: "done", text, run: "r1" } as const;
      kernel.settled.push({ ...cell, started_at: kernel.now, ended_at: kernel.now + 1.5 });
    }
    return kernel;
  },
};

function wholeRun2(kernel: ScriptedKernel): void {
  begin(kernel, "Shorten it to four lines and say in one sentence what was lost.");
  say(kernel, "p2", "poet", "A gull, a rope, a lamp gone brown:\nthe harbour wakes before the town.");
  say(
    kernel,
    "k2",
    "critic",
    "What was lost is the tide, and with it the sense that the harbour is counting too.",
  );
  kernel.endRun({
    stop_reason: "Text 'lost' mentioned",
    usage: { prompt_tokens: 900, completion_tokens: 61 },
  });
  kernel.setState("idle");
}
