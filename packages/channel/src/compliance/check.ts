/** A promise of the contract that was not kept. */
export class ComplianceError extends Error {
  override readonly name = "ComplianceError";
}

/** Fails unless `condition` holds; `otherwise` says what is wrong then. */
export function check(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new ComplianceError(otherwise);
}

/** Fails unless both are the same, as Object.is sees it. */
export function checkEqual<T>(actual: T, expected: T, what: string): void {
  check(Object.is(actual, expected), `${what}: expected ${show(expected)}, got ${show(actual)}`);
}

/** Fails unless both lists hold the same in the same order. */
export function checkList<T>(actual: readonly T[], expected: readonly T[], what: string): void {
  const same = actual.length === expected.length && actual.every((value, index) => Object.is(value, expected[index]));
  check(same, `${what}: expected ${show(expected)}, got ${show(actual)}`);
}

/** Fails unless both are the same bytes; names the first that differs. */
export function checkBytes(actual: Uint8Array, expected: Uint8Array, what: string): void {
  const shorter = Math.min(actual.length, expected.length);
  let at = 0;
  while (at < shorter && actual[at] === expected[at]) at++;
  check(at === shorter, `${what}: byte ${at} of ${expected.length} is ${actual[at]} instead of ${expected[at]}`);
  checkEqual(actual.length, expected.length, `${what}: number of bytes`);
}

/** Fails unless `work` fails; resolves with what it failed with. */
export async function checkFails(work: Promise<unknown>, what: string): Promise<unknown> {
  let outcome: { readonly error: unknown } | undefined;
  try {
    await work;
  } catch (error) {
    outcome = { error };
  }
  check(outcome !== undefined, `${what}: expected a failure, and there was none`);
  return outcome.error;
}

function show(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(show).join(", ")}]`;
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}
