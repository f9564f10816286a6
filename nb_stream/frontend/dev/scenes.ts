/** What the dev page can show: each scene lets the scripted kernel say something. */

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
        data: { traceback: 'Traceback (most recent call last):\n  File "team.py", line 12, in run\n    …' },
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
  kinds() {
    const kernel = team();
    begin(kernel);
    const call = { name: "forecast", arguments: '{"city": "Lisbon", "days": 3}' };
    kernel.put("a1", "poet", "tool call", "", { status: "running", tool_calls: [{ id: "1", ...call }] });
    kernel.put("a2", "poet", "tool call", "", {
      tool_calls: [{ id: "2", ...call, result: "KeyError: 'Lisbon'", is_error: true }],
    });
    kernel.put("a3", "critic", "code", "", {
      data: {
        code_blocks: [{ language: "python", code: 'for i in range(3):\n    print("line", i)' }],
        output: "line 0\nline 1\nline 2\n",
        exit_code: 0,
      },
    });
    kernel.put("a4", "critic", "structured output", '{"verdict": "keep", "score": 8, "lines": [1, 4]}');
    kernel.put("a5", "poet", "handoff", "Over to you.", { data: { target: "critic" } });
    kernel.put("a6", "poet", "memory", "The reader likes short lines.");
    kernel.put("a7", "", "notice", "The kernel was interrupted.");
    kernel.put("a8", "critic", "text", "half a sen", { status: "cancelled" });
    kernel.put(
      "a9",
      "critic",
      "text",
      "Mind the \u202egap\u202c, the\u200b zero width and \u001b[31mred\u001b[0m.",
    );
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
