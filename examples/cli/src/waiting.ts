import { printable } from "./printable.js";

const ERASE_LINE = "\r\u001b[2K";

/** One line of a terminal that says what is waited for, and is gone afterwards. */
export class Waiting {
  /** Is there a terminal to draw on? */
  readonly live: boolean;
  readonly #open: string[] = [];
  #drawn = false;

  constructor({ json }: { readonly json: boolean }) {
    this.live = !json && process.stderr.isTTY === true;
  }

  update(text: string, begun: boolean): void {
    const at = this.#open.indexOf(text);
    if (begun) this.#open.push(text);
    else if (at >= 0) this.#open.splice(at, 1);
    const [first, ...others] = this.#open;
    if (first === undefined) {
      this.clear();
      return;
    }
    const more = others.length > 0 ? ` (and for ${others.length} more)` : "";
    const room = Math.max(20, (process.stderr.columns ?? 80) - 1);
    const words = [...`· waiting for ${printable(first)}`];
    const shown = words.length + more.length <= room ? words.join("") : `${words.slice(0, room - more.length - 1).join("")}…`;
    process.stderr.write(`${ERASE_LINE}${shown}${more}`);
    this.#drawn = true;
  }

  clear(): void {
    if (this.#drawn) process.stderr.write(ERASE_LINE);
    this.#drawn = false;
  }
}
