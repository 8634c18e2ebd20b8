import wrapAnsi from "wrap-ansi";

// Controls, bidirectional marks, zero-width and other invisible characters, lone surrogates: text from a peer or a server could move the cursor, recolour the screen,
// or read differently from what it is. What joins an emoji's parts, or makes a symbol one, may stay where it does that.
const dangerous =
  /(?<!\p{Extended_Pictographic})\ufe0f|(?<!\p{Extended_Pictographic}\ufe0f?\p{Emoji_Modifier}?)\u200d|\u200d(?!\p{Extended_Pictographic})|(?![\ufe0f\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/** Text of foreign origin, safe to show in one line of a terminal: what cannot be seen is shown as `·`. */
export function printable(text: string): string {
  return text.replace(dangerous, "·");
}

/** A name of foreign origin, safe and no longer than `length` characters. */
export function shortened(text: string, length: number): string {
  const characters = [...printable(text)];
  return characters.length <= length ? characters.join("") : `${characters.slice(0, length - 1).join("")}…`;
}

/**
 * Breaks text into lines that fit the terminal. The first begins with `first`, every other with `rest`, so that no text of foreign origin ever stands where a line of our
 * own begins.
 */
export function folded(text: string, { columns, first, rest }: { readonly columns: number; readonly first: string; readonly rest: string }): string {
  const width = Math.max(columns - Math.max(first.length, rest.length), 20);
  // Where a line is just full, the space behind it would begin the next.
  const wrapped = (line: string): string[] =>
    wrapAnsi(line, width, { hard: true, trim: false })
      .split("\n")
      .map((part, index) => (index === 0 ? part : part.replace(/^ /, "")));
  const lines = text.split("\n").flatMap(wrapped);
  return lines.map((line, index) => `${index === 0 ? first : rest}${line}`).join("\n");
}

/** Text that XML can carry: a character that it cannot (XML 1.0 §2.2) goes out as U+FFFD. */
export function sendable(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\p{Cs}\ufffe\uffff]/gu, "\ufffd");
}
