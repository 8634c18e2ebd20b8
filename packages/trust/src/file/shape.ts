import { BalconyError } from "@balcony/channel";

/** What is read does not have the shape that is written. */
export function corrupt(what: string, cause?: unknown): BalconyError {
  return new BalconyError("store-corrupt", `The trust store cannot be read: ${what}.`, {
    phase: "store",
    hint: "Restore both of its files from one backup, or begin anew in another folder.",
    cause,
  });
}

export function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw corrupt(`${where} is not JSON`, error);
  }
}

/** An object with these keys and no other; those with `?` may be missing. */
export function fields<const Key extends string>(value: unknown, where: string, keys: readonly Key[]): Readonly<Record<Key extends `${infer K}?` ? K : Key, unknown>> {
  const object = entries(value, where);
  const names = new Set(keys.map((key) => key.replace("?", "")));
  const missing = keys.find((key) => !key.endsWith("?") && !object.has(key));
  const unknown = [...object.keys()].find((key) => !names.has(key));
  if (missing !== undefined) throw corrupt(`${where} has no ${missing}`);
  if (unknown !== undefined) throw corrupt(`${where} has ${JSON.stringify(unknown)}, which nobody knows`);
  return Object.fromEntries(object) as Record<Key extends `${infer K}?` ? K : Key, unknown>;
}

/** An object with any keys. */
export function entries(value: unknown, where: string): ReadonlyMap<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw corrupt(`${where} is no object`);
  return new Map(Object.entries(value));
}

export function list(value: unknown, where: string): readonly unknown[] {
  if (!Array.isArray(value)) throw corrupt(`${where} is no list`);
  return value;
}

export function text(value: unknown, where: string, pattern = /^/u): string {
  if (typeof value !== "string" || !pattern.test(value)) throw corrupt(`${where} is not what it must be`);
  return value;
}

export function flag(value: unknown, where: string): boolean {
  if (typeof value !== "boolean") throw corrupt(`${where} is neither true nor false`);
  return value;
}

export function count(value: unknown, where: string): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) throw corrupt(`${where} is no count`);
  return value;
}

export function oneOf<const Value extends string | number>(value: unknown, where: string, values: readonly Value[]): Value {
  const found = values.find((candidate) => candidate === value);
  if (found === undefined) throw corrupt(`${where} is none of ${values.join(", ")}`);
  return found;
}

/** An ISO 8601 date as we write it. */
export function date(value: unknown, where: string): string {
  const iso = text(value, where);
  if (Number.isNaN(Date.parse(iso)) || new Date(iso).toISOString() !== iso) throw corrupt(`${where} is no date`);
  return iso;
}
