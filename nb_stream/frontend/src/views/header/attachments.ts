/**
 * Files that go with a task: images, and texts as fenced parts. They are pasted, dropped or picked, stand as thumbnails
 * and names below the box, and can be taken away again.
 */

import { button, h, setName, setPolite } from "../../dom/build";
import { iconButton } from "../../dom/icons";
import { picture, rasterOf } from "../../dom/raster_image";
import { plain } from "../../dom/safe_text";

/** A kernel takes messages of 10 MB at most, and base64 makes three bytes four. */
const MAX_TOTAL_CHARS = 8_000_000;
const MAX_TEXT_BYTES = 500_000;
const MAX_PICKED_BYTES = 50_000_000;
/** The longer side to which large images are made smaller: models see no more. */
const SMALLER_PX = 1568;
const IMAGE = /^image\/(?:png|jpeg|webp|gif)$/;

/** A file as it goes to the kernel. `content` is a data URI for an image, else the text. */
interface Attachment {
  file: File;
  name: string;
  isImage: boolean;
  content: string;
}

/** What was attached: texts as Markdown behind the task, images as data URIs. */
export interface Attached {
  text: string;
  images: string[];
}

/** Owned by the task box. */
export class Attachments {
  readonly el = h("div", "nbs-attachments");
  readonly pick: HTMLButtonElement;
  #files: Attachment[] = [];
  #fault = h("p", "nbs-label nbs-is-error");
  #list = h("div", "nbs-attached");
  #smaller = h("input", "nbs-check");
  #smallerLabel: HTMLElement;
  /** The browser's dialog, while it is open. It stands on no page: what a page holds is text and our own controls. */
  #dialog: HTMLInputElement | undefined;

  /** `changed` is called when something was attached or taken away. */
  constructor(
    form: HTMLElement,
    private readonly changed: () => void,
  ) {
    this.pick = iconButton("attach", "Attach", "Attach images or text files; paste and drop work, too", () =>
      this.#choose(),
    );
    this.#smaller.type = "checkbox";
    this.#smaller.checked = true;
    this.#smaller.addEventListener("change", () => void this.#readAgain());
    this.#smallerLabel = h("label", "nbs-label", this.#smaller, " make large images smaller");
    setPolite(this.#fault);
    this.el.append(this.#list, this.#smallerLabel, this.#fault);
    form.addEventListener("paste", ({ clipboardData }) => void this.add(clipboardData?.files ?? []));
    for (const type of ["dragenter", "dragover", "drop"]) {
      form.addEventListener(type, (event) => this.#dragged(event as DragEvent));
    }
    this.#list.hidden = this.#smallerLabel.hidden = true;
  }

  get hasImages(): boolean {
    return this.#files.some(({ isImage }) => isImage);
  }

  get isEmpty(): boolean {
    return this.#files.length === 0;
  }

  async add(files: Iterable<File>): Promise<void> {
    for (const file of [...files]) {
      const read = await this.#read(file).catch(() => "it cannot be read");
      if (typeof read === "string") {
        this.#fault.textContent = `${plain(file.name)} is not attached: ${read}.`;
        continue;
      }
      const total = [...this.#files, read].reduce((sum, { content }) => sum + content.length, 0);
      if (total > MAX_TOTAL_CHARS) {
        this.#fault.textContent = `${plain(file.name)} is not attached: all files together may have 6 MB.`;
        continue;
      }
      this.#fault.textContent = "";
      this.#files.push(read);
    }
    this.#show();
  }

  #choose(): void {
    const dialog = h("input", "");
    dialog.type = "file";
    dialog.multiple = true;
    dialog.addEventListener("change", () => void this.add(dialog.files ?? []));
    this.#dialog = dialog; // else the browser may collect it while the reader chooses
    this.#dialog.click();
  }

  async #readAgain(): Promise<void> {
    const files = this.#files.map(({ file }) => file);
    this.#files = [];
    await this.add(files);
  }

  /** What is attached, as it goes to the kernel. */
  get attached(): Attached {
    const texts = this.#files.filter(({ isImage }) => !isImage).map(fenced);
    const images = this.#files.filter(({ isImage }) => isImage).map(({ content }) => content);
    return { text: texts.join(""), images };
  }

  clear(): void {
    this.#files = [];
    this.#fault.textContent = "";
    this.#show();
  }

  #dragged(event: DragEvent): void {
    if (!event.dataTransfer?.types.includes("Files")) return;
    // The notebook would take the file for itself.
    event.preventDefault();
    event.stopPropagation();
    if (event.type === "drop") void this.add(event.dataTransfer.files);
  }

  /** The file as it is to be sent, or a reason why it cannot be. */
  async #read(file: File): Promise<Attachment | string> {
    const { name } = file;
    if (file.size > MAX_PICKED_BYTES) return "it has more than 50 MB";
    if (IMAGE.test(file.type)) {
      const content = await dataUri(this.#smaller.checked ? await smaller(file) : file);
      if (!rasterOf(content, content.length)) return "it is no PNG, JPEG, GIF or WebP image";
      return { file, name, isImage: true, content };
    }
    if (file.size > MAX_TEXT_BYTES) return "it is no image, and texts may have 500 kB";
    try {
      const content = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
      return content.includes("\0") ? "it is no image and no text" : { file, name, isImage: false, content };
    } catch {
      return "it is no image and no text in UTF-8";
    }
  }

  #show(): void {
    this.#list.replaceChildren(
      ...this.#files.map((file) => {
        const away = button("nbs-quiet", "×", `Take ${plain(file.name)} away`, () => {
          this.#files = this.#files.filter((other) => other !== file);
          this.#show();
        });
        setName(away, `Take ${plain(file.name)} away`);
        const image = file.isImage ? rasterOf(file.content, file.content.length) : null;
        const name = h("span", "nbs-attached-name", plain(file.name));
        return h("span", "nbs-attachment", ...(image ? [picture(image, file.name)] : []), name, away);
      }),
    );
    this.#list.hidden = this.isEmpty;
    this.#smallerLabel.hidden = !this.hasImages;
    this.changed();
  }
}

/** A text file as a fenced part with its name. The fence is longer than any in the text. */
function fenced({ name, content }: Attachment): string {
  const longest = Math.max(2, ...[...content.matchAll(/`+/g)].map(({ 0: run }) => run.length));
  const fence = "`".repeat(longest + 1);
  const language = /\.(\w{1,12})$/.exec(name)?.[1] ?? "";
  const label = name.replace(/[`\r\n]+/g, " ");
  return `\n\n\`${label}\`\n\n${fence}${language}\n${content.replace(/\n?$/, "\n")}${fence}`;
}

/** The image with its longer side at most so long as models see; the image itself if it is not longer. */
async function smaller(file: File): Promise<Blob> {
  if (file.type === "image/gif") return file; // it may move
  const bitmap = await createImageBitmap(file);
  const scale = SMALLER_PX / Math.max(bitmap.width, bitmap.height);
  if (scale >= 1) return file;
  const canvas = h("canvas", "");
  canvas.width = Math.round(bitmap.width * scale);
  canvas.height = Math.round(bitmap.height * scale);
  canvas.getContext("2d")!.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  const type = file.type === "image/png" ? "image/png" : "image/jpeg";
  return new Promise((resolve) => canvas.toBlob((made) => resolve(made ?? file), type, 0.9));
}

function dataUri(blob: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result as string);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}
