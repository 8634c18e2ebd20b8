/** One line of the table, and one entry of results.json. */
export interface Row {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What `value` is measured against, in the same unit; null where it is held against `required` itself. */
  readonly baseline: number | null;
  /** The median of the ratios of all rounds, so that what disturbs the machine disturbs both sides of one. */
  readonly ratio: number | null;
  /** What the ratio has to be, or the value where there is no baseline; null where the row only informs. */
  readonly required: number | null;
  /** Is `required` the most it may be? Otherwise it is the least. */
  readonly atMost: boolean;
  readonly ok: boolean;
}

/** Figures of the same rounds, one each. */
export interface Rounds {
  readonly unit: string;
  readonly values: readonly number[];
  readonly baselines: readonly number[];
}

const compared = ({ unit, values, baselines }: Rounds) => ({
  value: median(values),
  unit,
  baseline: median(baselines),
  ratio: median(values.map((value, round) => value / (baselines[round] ?? Number.NaN))),
});

/** More is better. */
export function atLeast(name: string, required: number, rounds: Rounds): Row {
  const row = compared(rounds);
  return { name, ...row, required, atMost: false, ok: row.ratio >= required };
}

/** Less is better. */
export function atMost(name: string, required: number, rounds: Rounds): Row {
  const row = compared(rounds);
  return { name, ...row, required, atMost: true, ok: row.ratio <= required };
}

/** Compared with nothing that must hold. */
export function forInformation(name: string, rounds: Rounds): Row {
  return { name, ...compared(rounds), required: null, atMost: false, ok: true };
}

/** A value that has a limit of its own. */
export function limited(name: string, unit: string, value: number, required: number): Row {
  return { name, value, unit, baseline: null, ratio: null, required, atMost: true, ok: value <= required };
}

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** Hands the rows to whoever started this program. */
export function report(rows: readonly Row[]): void {
  if (process.send) process.send(rows);
  else process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
}
