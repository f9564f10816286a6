/**
 * Shows emoji by their short names, such as `:tada:`. The table of names comes with the module "extras". Until then,
 * and if the table does not have a name, the name is shown as it was written.
 */

import { h } from "../../dom/build";
import { remade } from "../../dom/folded";
import { opaque } from "../../dom/opaque";
import type { Modules } from "../../dom/page_modules";

declare const __EXTRAS__: `extras.${string}`;

/** What the module "extras" has of emoji. */
interface EmojiModule {
  readonly emoji: Readonly<Record<string, string>>;
}

interface Waiting {
  readonly el: HTMLElement;
  readonly name: string;
}

/** Owned by the connection, and shared by all texts of its panels. */
export class Emojis {
  #table: Readonly<Record<string, string>> | undefined;
  #waiting: Waiting[] = [];

  constructor(private readonly modules: Modules) {}

  element(name: string): HTMLElement {
    const emoji = { el: h("span", "nbs-emoji", `:${name}:`), name };
    if (!this.#table) this.modules.want(__EXTRAS__, this.#use);
    if (!this.#show(emoji)) this.#waiting.push(emoji);
    remade(emoji.el, () => this.element(name));
    return opaque(emoji.el, `emoji ${name}`);
  }

  readonly #use = (module: unknown): void => {
    this.#table = (module as EmojiModule).emoji;
    for (const emoji of this.#waiting.splice(0)) this.#show(emoji);
  };

  /** Show an emoji, if the table has its name. False if there is no table yet. */
  #show({ el, name }: Waiting): boolean {
    if (!this.#table) return false;
    if (Object.hasOwn(this.#table, name)) el.textContent = this.#table[name]!;
    return true;
  }
}
