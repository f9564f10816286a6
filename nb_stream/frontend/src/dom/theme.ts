/**
 * Finds out the theme of the notebook around the panel: dark or light, and how much contrast. Colours need nothing of
 * this, because they follow the notebook's CSS variables by themselves.
 */

import { onAbort } from "./abort";

interface Theme {
  /** Null if the page does not say: then the reader's system decides. */
  readonly scheme: "light" | "dark" | null;
  /** Whether the page is JupyterLab's, or has its theme. */
  readonly isJupyter: boolean;
  readonly isHighContrast: boolean;
}

/** The attributes of the page that tell its theme. */
const SIGNS = ["class", "theme", "data-jp-theme-light", "data-jp-theme-name", "data-vscode-theme-kind"];

function pageTheme(): Theme {
  const { body, documentElement } = document;
  const { jpThemeLight, jpThemeName = "", vscodeThemeKind = "" } = body.dataset;
  const isJupyter = jpThemeLight !== undefined;
  const isHighContrast = /high.contrast/i.test(jpThemeName + vscodeThemeKind);
  return { scheme: schemeOf(body, documentElement), isJupyter, isHighContrast };
}

function schemeOf(body: HTMLElement, html: HTMLElement): "light" | "dark" | null {
  const { jpThemeLight, vscodeThemeKind } = body.dataset;
  if (jpThemeLight !== undefined) return jpThemeLight === "false" ? "dark" : "light";
  if (vscodeThemeKind !== undefined)
    return /dark|^vscode-high-contrast$/.test(vscodeThemeKind) ? "dark" : "light";
  const colab = html.getAttribute("theme");
  if (colab !== null) return colab === "dark" ? "dark" : "light";
  return [body, html].some(({ classList }) => classList.contains("dark")) ? "dark" : null;
}

/** Keep the attributes of `root` that tell the style sheet the theme of the page and of the reader's system. */
export function followTheme(root: HTMLElement, signal: AbortSignal): void {
  const more = typeof window.matchMedia === "function" ? window.matchMedia("(prefers-contrast: more)") : null;
  const apply = () => {
    const { scheme, isJupyter, isHighContrast } = pageTheme();
    if (scheme === null) delete root.dataset.nbsTheme;
    else root.dataset.nbsTheme = scheme;
    root.toggleAttribute("data-nbs-jupyter", isJupyter);
    root.toggleAttribute("data-nbs-contrast", isHighContrast || more?.matches === true);
  };
  const observer = new MutationObserver(apply);
  for (const el of [document.body, document.documentElement]) {
    observer.observe(el, { attributes: true, attributeFilter: SIGNS });
  }
  more?.addEventListener("change", apply, { signal });
  onAbort(signal, () => observer.disconnect());
  apply();
}
