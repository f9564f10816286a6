/** Shows the panel over the whole screen, or over the whole page if the browser does not give the screen. */

/** Owned by the tools of one view. `changed` is called with whether `root` fills the screen or the page. */
export class Fullscreen {
  #overlay = false;

  constructor(
    private readonly root: HTMLElement,
    private readonly changed: (on: boolean) => void,
  ) {
    root.addEventListener("fullscreenchange", () => this.#reflect());
    // If a panel is moved on the page, it leaves the top layer, and then its popover is not shown.
    new ResizeObserver(() => {
      if (root.popover && root.isConnected && !root.matches(":popover-open")) this.#cover(false);
    }).observe(root);
  }

  /** Give the screen back. False if the panel does not have it. */
  leave(): boolean {
    const on = this.#isOn;
    if (on) void this.toggle();
    return on;
  }

  async toggle(): Promise<void> {
    if (this.#overlay) this.#cover(false);
    else if (this.#hasScreen) await document.exitFullscreen();
    else {
      try {
        await this.root.requestFullscreen();
      } catch {
        this.#cover(true);
      }
    }
  }

  get #isOn(): boolean {
    return this.#overlay || this.#hasScreen;
  }

  get #hasScreen(): boolean {
    return (this.root.getRootNode() as Document | ShadowRoot).fullscreenElement === this.root;
  }

  /** Cover the page in the browser's top layer, so that no box around the panel can cut it off. */
  #cover(on: boolean): void {
    this.#overlay = on;
    if (typeof this.root.showPopover === "function") {
      if (on) {
        this.root.popover = "manual";
        this.root.showPopover();
      } else {
        this.root.hidePopover();
        this.root.removeAttribute("popover");
      }
    }
    this.#reflect();
  }

  #reflect(): void {
    const on = this.#isOn;
    this.root.classList.toggle("nbs-full", on);
    this.changed(on);
  }
}
