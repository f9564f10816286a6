/** Whether the notebook around the panel is dark; colours follow its CSS variables by themselves. */

/** What the page says of its theme, or null where it says nothing (then the reader's system decides). */
export function pageTheme(): "light" | "dark" | null {
  const { body, documentElement } = document;
  const lab = body.dataset.jpThemeLight;
  if (lab !== undefined) return lab === "false" ? "dark" : "light";
  const code = body.dataset.vscodeThemeKind;
  if (code !== undefined) return /dark|^vscode-high-contrast$/.test(code) ? "dark" : "light";
  const colab = documentElement.getAttribute("theme");
  if (colab !== null) return colab === "dark" ? "dark" : "light";
  const dark = [body, documentElement].some((el) => el.classList.contains("dark"));
  return dark ? "dark" : null;
}

/** Keep `data-nbs-theme` of `root` as the page has it. */
export function followTheme(root: HTMLElement, signal: AbortSignal): void {
  const apply = () => {
    const theme = pageTheme();
    if (theme === null) delete root.dataset.nbsTheme;
    else root.dataset.nbsTheme = theme;
  };
  const observer = new MutationObserver(apply);
  for (const el of [document.body, document.documentElement]) {
    observer.observe(el, {
      attributes: true,
      attributeFilter: ["class", "theme", "data-jp-theme-light", "data-vscode-theme-kind"],
    });
  }
  signal.addEventListener("abort", () => observer.disconnect(), { once: true });
  apply();
}
