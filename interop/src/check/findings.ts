/** What shows that a rule was broken. */
export interface Evidence {
  /** In a sentence. */
  readonly why: string;
  /** The stanza, or the piece of the stream, as it came. */
  readonly shown: string | undefined;
}

/** The peer broke a rule, and nothing that follows in this play can be judged. */
export class Broken extends Error {
  override readonly name = "Broken";
  constructor(
    readonly rule: string,
    readonly evidence: Evidence,
  ) {
    super(`${rule}: ${evidence.why}`);
  }
}

/** Which rules were seen kept, and which were seen broken, in one play. */
export class Findings {
  readonly kept = new Set<string>();
  readonly broken = new Map<string, Evidence>();

  /** The play cannot go on where this does not hold. */
  must(rule: string, holds: boolean, why: string, shown?: { toString(): string }): void {
    if (holds) this.kept.add(rule);
    else throw this.breach(rule, why, shown);
  }

  /** Where this does not hold the play goes on. */
  should(rule: string, holds: boolean, why: string, shown?: { toString(): string }): void {
    if (holds) this.kept.add(rule);
    else this.breach(rule, why, shown);
  }

  /** Writes down that a rule was broken. */
  breach(rule: string, why: string, shown?: { toString(): string }): Broken {
    const evidence = { why, shown: shown === undefined ? undefined : excerpt(shown.toString()) };
    if (!this.broken.has(rule)) this.broken.set(rule, evidence);
    return new Broken(rule, evidence);
  }
}

const LONGEST = 2_000;
const excerpt = (text: string): string => (text.length > LONGEST ? `${text.slice(0, LONGEST)}… (${text.length} characters)` : text);
