import pc from "picocolors";
import wrapAnsi from "wrap-ansi";

/** What the demo tells: for people in words, or for programs as one JSON object a line. */
export interface Stage {
  /** A new scene begins. */
  scene(title: string): void;
  /** Something happened; `words` is what a person reads of it. */
  tell(event: string, fields: Record<string, unknown>, words?: string): void;
  /** Words for people alone. */
  say(words: string): void;
  /** What a person only needs to look at, cut where it is long. */
  show(texts: readonly string[]): void;
}

const COLUMNS = 80;
/** Lines that are shown of one text. */
const ROWS = 4;

export function stage({ json, columns = COLUMNS }: { readonly json: boolean; readonly columns?: number | undefined }): Stage {
  const out = (line: string): void => void process.stdout.write(`${line}\n`);
  if (json) return { scene: () => undefined, say: () => undefined, show: () => undefined, tell: (event, fields) => out(JSON.stringify({ event, ...fields })) };
  const indented = (text: string, indent: string): string[] =>
    wrapAnsi(text, Math.max(columns - indent.length, COLUMNS / 2), { hard: true, trim: false })
      .split("\n")
      .map((line) => `${indent}${line}`.trimEnd());
  return {
    scene: (title) => out(`\n${pc.bold(title)}`),
    show: (texts) => {
      const width = columns - 4;
      for (const text of texts) {
        const shown = text.length > ROWS * width ? `${text.slice(0, ROWS * width - 1)}…` : text;
        out(`${(shown.match(new RegExp(`.{1,${width}}`, "gsu")) ?? []).map((line) => `    ${line}`).join("\n")}\n`);
      }
    },
    say: (words) => out(indented(words, "  ").join("\n")),
    tell: (_event, _fields, words) => {
      if (words !== undefined) out(indented(words, "  ").join("\n"));
    },
  };
}

/** 64 hex digits as people compare them: groups of eight, on two lines behind a name. */
export function keyOf(name: string, fingerprint: string): string {
  const groups = fingerprint.match(/.{8}/g) ?? [];
  return `${name.padEnd(8)}${groups.slice(0, 4).join(" ")}\n${" ".repeat(8)}${groups.slice(4).join(" ")}`;
}
