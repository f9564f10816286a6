/** Asks the kernel what the model saw for a message, and joins the pieces in which the answer comes. */

import type { CallContext, GivenMessage } from "../protocol/model";
import type { Command, ContextOp, Op } from "../protocol/protocol";

type Listener = (context: CallContext) => void;

/** Owned by the connection. Nothing is asked, and nothing kept, before a reader opens a context. */
export class Contexts {
  #known = new Map<string, CallContext>();
  #listeners = new Map<string, Set<Listener>>();

  constructor(private readonly send: (command: Command) => void) {}

  /** Call `listener` with what the model saw for the cell `id`, with each piece that comes. Returns how to end this. */
  follow(id: string, listener: Listener): () => void {
    const listeners = this.#listeners.get(id) ?? new Set();
    this.#listeners.set(id, listeners.add(listener));
    const known = this.#known.get(id);
    if (known) listener(known);
    else this.send({ type: "context", cell: id });
    return () => listeners.delete(listener);
  }

  receive(ops: readonly Op[]): void {
    for (const op of ops) if (op.op === "context") this.#add(op);
  }

  #add(op: ContextOp): void {
    const { cell, total, tools, options, prompt_tokens } = op;
    // Each page gets the pieces that one page asked for; those that begin in the middle are for another page.
    let context = this.#known.get(cell);
    if (tools) {
      context = {
        messages: [],
        total,
        isWhole: false,
        tools,
        options: options ?? {},
        prompt_tokens: prompt_tokens ?? null,
      };
      if (this.#listeners.has(cell)) this.#known.set(cell, context);
    }
    if (!context || !this.#known.has(cell) || context.isWhole) return;
    for (const message of op.messages) {
      if (!("more" in message)) context.messages.push(message as GivenMessage);
      else {
        const last = context.messages.at(-1);
        if (last) last.text = (last.text ?? "") + message.more;
      }
    }
    context.isWhole = op.end;
    for (const listener of this.#listeners.get(cell) ?? []) listener(context);
  }
}
