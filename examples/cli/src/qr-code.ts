import { encode, renderUnicodeCompact } from "uqr";
import { paint } from "./colours.js";

const COLUMNS = 80;
const BORDER = 2;

/**
 * A QR code for the terminal: light on dark on every one of them, since scanners take it the other way round badly, or not at all.
 * @returns its lines; undefined where it is wider than 80 columns
 */
export function qrCode(text: string): readonly string[] | undefined {
  const border = [BORDER, 1].find((width) => encode(text).size - 2 + 2 * width <= COLUMNS);
  if (border === undefined) return undefined;
  return renderUnicodeCompact(text, { border })
    .split("\n")
    .map((line) => paint.whiteBright(paint.bgBlack(line)));
}
