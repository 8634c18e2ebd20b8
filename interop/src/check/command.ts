import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { BalconyError, randomId } from "@balcony/channel";
import { isFull, JidError, normalize } from "@balcony/xml";
import { processOf } from "../program.js";
import { startServer } from "../servers.js";
import { Account } from "./account.js";
import { jsonReport, junitReport, textReport } from "./report.js";
import { resourceOf } from "./resource.js";
import { type Section, sections } from "./rules/requirement.js";
import { check, type Result } from "./run.js";
import { askByMessage, contractSubject, listenerSubject } from "./subject.js";

export interface CheckCommandOptions {
  readonly account?: string;
  readonly password?: string;
  readonly service?: string;
  readonly sections?: string;
  readonly only?: string;
  readonly timeout: string;
  readonly jobs: string;
  readonly askToInitiate?: boolean;
  readonly initiateCommand?: string;
  readonly embedded?: boolean;
  readonly observe?: boolean;
  readonly option?: readonly string[];
  readonly json?: string | true;
  readonly junit?: string;
  readonly verbose?: boolean;
}

/** What the process ends with. */
export const exitCodes = { met: 0, notMet: 1, usage: 2, server: 3, peer: 4, unmet: 5 } as const;

class Usage extends Error {}

/** `balcony-interop check`. @returns the exit code */
export async function checkCommand(jid: string | undefined, command: readonly string[], options: CheckCommandOptions): Promise<number> {
  try {
    const wanted = readSections(options.sections);
    const run = options.embedded ? embedded : remote;
    const { results, subject } = await run(jid, command, { ...options, wanted });
    await write(results, subject, options);
    return verdictOf(results);
  } catch (error) {
    if (error instanceof Usage) return complain(error.message, exitCodes.usage);
    if (error instanceof BalconyError) return complain([error.message, error.hint].join(" ").trim(), error.code === "connection-lost" ? exitCodes.server : exitCodes.peer);
    throw error;
  }
}

function verdictOf(results: readonly Result[]): number {
  if (!results.some(({ verdict }) => verdict === "met")) return exitCodes.peer; // nobody is there, or nobody who lets us in
  if (results.some(({ verdict }) => verdict === "not met")) return exitCodes.notMet;
  return results.some(({ verdict }) => verdict === "not reached") ? exitCodes.unmet : exitCodes.met;
}

function complain(text: string, code: number): number {
  process.stderr.write(`balcony-interop: ${text}\n`);
  return code;
}

function readSections(list: string | undefined): readonly Section[] {
  if (list === undefined) return sections;
  const names = list.split(",").map((name) => name.trim());
  const unknown = names.find((name) => !(sections as readonly string[]).includes(name));
  if (unknown !== undefined) throw new Usage(`There is no section ${unknown}: ${sections.join(", ")}.`);
  return names as Section[];
}

interface Run {
  readonly results: readonly Result[];
  readonly subject: string;
}

type Wanted = CheckCommandOptions & { readonly wanted: readonly Section[] };

function common({ wanted, observe = false, timeout, jobs, only, verbose }: Wanted) {
  const progress = (line: string): void => void process.stderr.write(`${line}\n`);
  return {
    sections: wanted,
    observe,
    timeout: number(timeout, "--timeout") * 1000,
    jobs: number(jobs, "--jobs"),
    only: only?.split(","),
    progress: process.stderr.isTTY || verbose ? progress : undefined,
    log: verbose ? progress : undefined,
  };
}

function number(text: string, option: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Usage(`${option} ${text} is no number above 0.`);
  return value;
}

/** A program that keeps the contract, against a server in this very process. */
async function embedded(_: string | undefined, command: readonly string[], options: Wanted): Promise<Run> {
  if (command.length === 0) throw new Usage("Say which program to start: balcony-interop check --embedded -- ./my-peer.");
  const server = await startServer("embedded");
  try {
    const [account, address] = server.accounts;
    const { service, webSocket, password, proxy } = server;
    const rest = common(options);
    const subject = contractSubject({
      start: processOf(command, process.cwd()),
      service,
      webSocket,
      account,
      password,
      proxy,
      deadline: 6 * rest.timeout,
      options: readOptions(options.option),
    });
    return { results: await check({ subject, account: { service, address, password, plain: true }, ...rest }), subject: command.join(" ") };
  } finally {
    await server.stop();
  }
}

function readOptions(lines: readonly string[] = []): Record<string, string> {
  return Object.fromEntries(
    lines.map((line) => {
      const [name = "", ...value] = line.split("=");
      return [name, value.join("=")];
    }),
  );
}

/** Whoever listens at an address. */
async function remote(jid: string | undefined, _: readonly string[], options: Wanted): Promise<Run> {
  if (jid === undefined) throw new Usage("Say whom to check: balcony-interop check juliet@capulet.lit/balcony, or --embedded -- ./my-peer.");
  const asked = readAddress(jid);
  if (options.account === undefined) throw new Usage("Say from which account to check: --account romeo@montague.lit, its password in BALCONY_PASSWORD or on stdin.");
  const address = readAddress(options.account);
  const password = options.password ?? process.env.BALCONY_PASSWORD ?? (await passwordFromStdin());
  const service = options.service ?? `xmpps://${address.split("@")[1]}`;
  const account = { service, address, password, plain: false };
  const rest = common(options);
  const peer = isFull(asked) ? asked : await resourceOf(new Account({ ...account, self: `${address}/${randomId()}` }), asked, rest.timeout);
  const subject = listenerSubject({ peer, ask: askerOf(peer, options) });
  return { results: await check({ subject, account, ...rest }), subject: peer };
}

function readAddress(text: string): string {
  try {
    return normalize(text);
  } catch (error) {
    if (error instanceof JidError) throw new Usage(`${text} is no address.`);
    throw error;
  }
}

function askerOf(peer: string, { askToInitiate, initiateCommand }: CheckCommandOptions): Parameters<typeof listenerSubject>[0]["ask"] {
  if (initiateCommand !== undefined) {
    return async (to) => {
      const child = spawn("/bin/sh", ["-c", initiateCommand], { env: { ...process.env, INTEROP_TARGET: to }, stdio: ["ignore", "ignore", "inherit"] });
      child.on("error", (error) => process.stderr.write(`balcony-interop: ${error.message}\n`));
      await Promise.resolve();
    };
  }
  return askToInitiate ? async (to, account) => await askByMessage(to, account, peer) : undefined;
}

async function passwordFromStdin(): Promise<string> {
  if (process.stdin.isTTY) throw new Usage("The password comes in BALCONY_PASSWORD or on stdin.");
  for await (const line of createInterface({ input: process.stdin })) return line;
  throw new Usage("No password came on stdin.");
}

async function write(results: readonly Result[], subject: string, { json, junit }: CheckCommandOptions): Promise<void> {
  const subjected = { subject, date: new Date().toISOString() };
  if (typeof json === "string") await writeFile(json, jsonReport(results, subjected));
  if (junit !== undefined) await writeFile(junit, junitReport(results, subjected));
  process.stdout.write(json === true ? jsonReport(results, subjected) : textReport(results, subjected));
}
