/** The widget's model as the host gives it to the panel. */

/** The part of an anywidget model that the panel uses. */
export interface Model {
  get(key: string): unknown;
  on(event: string, callback: (content: unknown) => void): void;
  off(event: string, callback: (content: unknown) => void): void;
  send(content: unknown): void;
}
