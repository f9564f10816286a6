/** The panel over the whole screen, or over the whole page where the browser does not give the screen away. */

/** Make `root` fill the screen by `toggle`; `changed` is told whether it does. */
export class Fullscreen {
  #overlay = false;

  constructor(
    private readonly root: HTMLElement,
    private readonly changed: (on: boolean) => void,
  ) {
    root.addEventListener("fullscreenchange", () => this.#reflect());
    // A panel that is moved on the page leaves the top layer, and a popover outside of it is not shown.
    new ResizeObserver(() => {
      if (root.popover && root.isConnected && !root.matches(":popover-open")) this.#cover(false);
    }).observe(root);
  }

  /** Give the screen back; false where the panel does not have it. */
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

  /** In the browser's top layer, so that no box around the panel can hold it back. */
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
