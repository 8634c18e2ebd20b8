import { readFile } from "node:fs/promises";
import { BalconyError } from "@balcony/channel";
import { password as askHidden, confirm, text } from "@clack/prompts";
import { UsageError } from "./exit-codes.js";

/** Can a person be asked? Prompts go to stderr, so that stdout stays free for what the command gives. */
export const canAsk = (): boolean => process.stdin.isTTY === true && process.stderr.isTTY === true;

/** The first line of a file, without its end: how a password or passphrase is given without a terminal. */
export async function secretFrom(file: string): Promise<string> {
  const content = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`${file} cannot be read (${error.code ?? error.message}).`, { cause: error });
  });
  const [line] = content.split(/\r?\n/, 1);
  if (!line) throw new UsageError(`The first line of ${file} is empty, and should be the secret.`);
  return line;
}

/** Asks a person, without showing what is typed. Never takes a secret from an argument: those show in the process list. */
export const askSecret = (question: string, otherwise: string): Promise<string> => ask<string>(question, otherwise, () => askHidden({ message: question, output: process.stderr }));

export const askText = (question: string, otherwise: string): Promise<string> => ask<string>(question, otherwise, () => text({ message: question, output: process.stderr }));

/** Asks for a yes. */
export const askConsent = (question: string, otherwise: string): Promise<boolean> =>
  ask<boolean>(question, otherwise, () => confirm({ message: question, initialValue: false, output: process.stderr }));

/** A passphrase for new keys, typed twice; undefined where the person wants none. */
export async function askNewPassphrase(): Promise<string | undefined> {
  const first = await askSecret("Choose a passphrase for your keys (empty: none)", "");
  if (first === "") return undefined;
  if ((await askSecret("The same passphrase again", "")) !== first) throw new UsageError("The two passphrases differ.");
  return first;
}

/** @param otherwise what to do where there is no terminal to ask at */
async function ask<T extends string | boolean>(question: string, otherwise: string, prompt: () => Promise<T | symbol>): Promise<T> {
  if (!canAsk()) throw new UsageError(`${question}: there is no terminal to ask at. ${otherwise}`);
  const given = await prompt();
  if (typeof given === "symbol") throw new BalconyError("aborted", "Nothing was entered.");
  return given;
}
