/** Shows inline items as DOM: an element for each kind of item that is allowed, text for everything else. */

import { h } from "../../dom/build";
import type { Units } from "../../dom/folding";
import { appendText } from "../../dom/safe_text";
import type { InlineText } from "../parse/inline";
import type { InlineItem } from "../parse/inline_items";
import type { Target } from "../parse/link_targets";
import type { Cut } from "../parse/split_points";
import type { Emojis } from "./emoji_view";
import type { Formulas } from "./formula_view";
import type { Policy } from "./policy";

/** What a panel gives to the views of its texts. */
export interface Services {
  readonly policy: Policy;
  readonly formulas: Formulas;
  readonly emojis: Emojis;
  /** Takes what cannot be seen off the page; without it, all of a text stays there. */
  readonly folding?: Units | undefined;
}

/** How deep elements stand in elements. Deeper ones are left out, and their text stays. */
const MAX_INLINE_DEPTH = 30;

interface OpenElement {
  readonly el: Node;
  readonly link: { el: HTMLElement; target: Target } | null;
}

/** Append the items between two cuts. A cut that is null stands for the beginning or the end. */
export function appendItems(
  parent: Node,
  { items }: InlineText,
  from: Cut | null,
  to: Cut | null,
  services: Services,
): void {
  const stack: OpenElement[] = [{ el: parent, link: null }];
  const last = to ? to.index : items.length - 1;
  // Texts that follow each other are joined and appended together.
  let text = "";
  const flush = () => {
    appendText(stack.at(-1)!.el, text);
    text = "";
  };
  for (let index = from?.index ?? 0; index <= last; index++) {
    const item = items[index]!;
    if (item.type === "text") {
      const begin = index === from?.index ? from.offset : 0;
      const end = index === to?.index ? to.offset : item.text.length;
      text += item.text.slice(begin, end);
    } else if (item.type === "run" && item.opens.length + item.closes.length === 0 && (index < last || !to)) {
      text += item.mark.repeat(item.left);
    } else if (index < last || !to) {
      flush();
      appendItem(stack, item, services);
    }
  }
  flush();
}

function appendItem(
  stack: OpenElement[],
  item: Exclude<InlineItem, { type: "text" }>,
  services: Services,
): void {
  const { el } = stack.at(-1)!;
  switch (item.type) {
    case "run":
      for (const _ of item.closes) closeElement(stack, services);
      appendText(stack.at(-1)!.el, item.mark.repeat(item.left));
      for (const tag of item.opens) openElement(stack, h(tag), null);
      break;
    case "break":
      el.appendChild(h("br"));
      break;
    case "note":
      el.appendChild(h("sup", "nbs-note-number", String(item.number)));
      break;
    case "emoji":
      el.appendChild(services.emojis.element(item.name));
      break;
    case "code":
      el.appendChild(h("code", "nbs-c", item.text));
      break;
    case "formula":
      el.appendChild(services.formulas.element(item.tex, item.display, item.isOpen));
      break;
    case "link": {
      const isInLink = stack.some(({ link }) => link !== null);
      const link = isInLink ? null : services.policy.link(item.target);
      openElement(stack, link, link && { el: link, target: item.target });
      break;
    }
    case "link end":
      closeElement(stack, services);
      break;
    case "image":
      if (item.target) el.appendChild(services.policy.image(item.target, item.alt));
      else
        el.appendChild(
          h("span", "nbs-coming-image", item.alt === "" ? "Load image" : `Load image «${item.alt}`),
        );
  }
}

/** Go into the element `wanted`, or stay in the present one if it is null or too deep. */
function openElement(stack: OpenElement[], wanted: HTMLElement | null, link: OpenElement["link"]): void {
  const { el } = stack.at(-1)!;
  const child = wanted && stack.length <= MAX_INLINE_DEPTH ? el.appendChild(wanted) : el;
  stack.push({ el: child, link: child === el ? null : link });
}

function closeElement(stack: OpenElement[], { policy }: Services): void {
  const { link } = stack.pop()!;
  if (link) policy.endLink(link.el, link.target);
}
