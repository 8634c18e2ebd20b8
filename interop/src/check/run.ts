import { randomId } from "@balcony/channel";
import type { Role } from "../contract.js";
import { Account, type AccountOptions } from "./account.js";
import type { Evidence } from "./findings.js";
import { NS_JINGLE_IBB, NS_JINGLE_S5B, NS_XTLS } from "./namespaces.js";
import { Play, type Secure, type Transport } from "./play.js";
import { keptRules } from "./rules/kept.js";
import { provokedRules } from "./rules/provoked.js";
import type { Kept, Provoked, Requirement, Section } from "./rules/requirement.js";
import type { Subject } from "./subject.js";
import { type Outcome, playWhole } from "./whole.js";
import { Wire } from "./wire.js";

export type Verdict = "met" | "not met" | "not offered" | "not reached";

/** What became of one requirement, in one role of the peer's. */
export interface Result {
  readonly requirement: Requirement;
  /** The peer's. */
  readonly role: Role;
  readonly verdict: Verdict;
  /** Why not. */
  readonly evidence: Evidence | undefined;
}

export interface CheckOptions {
  readonly subject: Subject;
  /** The tester's account. Each play in a row has a resource of its own. */
  readonly account: Omit<AccountOptions, "self"> & { readonly address: string };
  readonly sections: readonly Section[];
  /** Only watch: break no rule. */
  readonly observe: boolean;
  /** ms of each wait. */
  readonly timeout: number;
  /** Plays at once. */
  readonly jobs: number;
  /** Only these kinds of session; default: all that the sections need. */
  readonly sessions?: readonly Baseline[] | undefined;
  /** Only requirements of these names. */
  readonly only?: readonly string[] | undefined;
  readonly progress?: ((line: string) => void) | undefined;
  /** Told of every line of every play. */
  readonly log?: ((line: string) => void) | undefined;
}

/** A session in which the tester keeps every rule: the ground on which everything else stands. */
export interface Baseline {
  readonly role: Role;
  readonly transport: Transport;
  readonly secure: Secure;
}

interface Played {
  readonly play: Play;
  readonly outcome: Outcome;
}

/** Goes through the specification, section by section, in each role that the peer can be had in. */
export async function check(options: CheckOptions): Promise<Result[]> {
  const { subject, sections, only } = options;
  const wanted = (requirement: Requirement) => sections.includes(requirement.section) && (only === undefined || only.includes(requirement.id));
  const roles: readonly Role[] = subject.canInitiate ? ["responder", "initiator"] : ["responder"];
  const testers = await loginAll(options);
  try {
    const baselines = options.sessions ?? baselinesOf(roles, sections);
    const seen = new Map<Baseline, Played>();
    await share(testers, baselines, async (tester, baseline) => void seen.set(baseline, await tester.play({ ...baseline, breach: undefined })));
    const ground = groundOf(seen);
    const results = keptRules.filter(wanted).flatMap((rule) => roles.filter((role) => rule.roles.includes(role)).map((role) => judgeKept(rule, role, ground)));
    if (options.observe) return results;
    const rows = provokedRules.filter(wanted).flatMap((rule) => roles.filter((role) => rule.roles.includes(role)).map((role) => ({ rule, role })));
    const judged = new Map<(typeof rows)[number], Result>();
    await share(testers, rows, async (tester, row) => void judged.set(row, await provoke(tester, row, ground)));
    return [...results, ...rows.flatMap((row) => judged.get(row) ?? [])];
  } finally {
    await Promise.all(testers.map(async (tester) => await tester.logout()));
  }
}

async function loginAll(options: CheckOptions): Promise<Tester[]> {
  const logins = await Promise.allSettled(Array.from({ length: options.jobs }, async () => await Tester.login(options)));
  const testers = logins.flatMap((login) => (login.status === "fulfilled" ? [login.value] : []));
  const failed = logins.find((login) => login.status === "rejected");
  if (!failed) return testers;
  await Promise.all(testers.map(async (tester) => await tester.logout()));
  throw failed.reason;
}

function baselinesOf(roles: readonly Role[], sections: readonly Section[]): Baseline[] {
  const kinds: { readonly transport: Transport; readonly secure: Secure }[] = [{ transport: "ibb", secure: "starttls" }];
  if (sections.includes("xtls")) kinds.push({ transport: "ibb", secure: "xtls" });
  if (sections.includes("s5b")) kinds.push({ transport: "s5b", secure: "starttls" });
  return roles.flatMap((role) => kinds.map((kind) => ({ role, ...kind })));
}

/** What was seen of the peer while every rule was kept. */
interface Ground {
  readonly seen: ReadonlyMap<Baseline, Played>;
  /** Why a section does not apply in that role; undefined: it does. */
  lacking(section: Section, role: Role): string | undefined;
}

const features: Partial<Record<Section, string>> = { ibb: NS_JINGLE_IBB, s5b: NS_JINGLE_S5B, xtls: NS_XTLS };

function groundOf(seen: ReadonlyMap<Baseline, Played>): Ground {
  return {
    seen,
    lacking: (section, role) => {
      const feature = features[section];
      const own = [...seen].find(([baseline]) => baseline.role === role && fits(section, baseline))?.[1];
      const advertised = own?.play.advertised;
      if (feature !== undefined && advertised && !advertised.has(feature)) return `disco#info does not list ${feature}.`;
      return own?.outcome.ended === "no path" || own?.outcome.ended === "not offered" ? own.outcome.text : undefined;
    },
  };
}

/** Each has its next as soon as it is free. */
async function share<T>(testers: readonly Tester[], rows: readonly T[], work: (tester: Tester, row: T) => Promise<void>): Promise<void> {
  const queue = [...rows];
  await Promise.all(
    testers.map(async (tester) => {
      for (let row = queue.shift(); row !== undefined; row = queue.shift()) await work(tester, row);
    }),
  );
}

/** One connection of the tester's, and the plays that run on it one after another. */
class Tester {
  readonly #options: CheckOptions;
  readonly #account: Account;
  #stranger: Promise<Account> | undefined;

  private constructor(options: CheckOptions, account: Account) {
    this.#options = options;
    this.#account = account;
  }

  static async login(options: CheckOptions): Promise<Tester> {
    return new Tester(options, await loginAs(options));
  }

  async play({ role, transport, secure, breach }: Baseline & { readonly breach: string | undefined }): Promise<Played> {
    const { subject, timeout, log = () => undefined, progress } = this.#options;
    const name = [role, transport, secure, breach ?? "every rule kept"].join(" ");
    const lines = (line: string): void => log(`${name}: ${line}`);
    const peer = subject.address({ secure });
    const wire = new Wire(this.#account, peer, lines);
    const play = new Play({
      wire,
      stranger: () => this.#loggedInStranger(),
      role: role === "initiator" ? "responder" : "initiator",
      transport,
      secure,
      breach,
      timeout,
      contract: subject.contract,
      log: lines,
    });
    try {
      if (breach?.endsWith("-stranger")) await this.#loggedInStranger(); // beforehand: a login may take longer than a peer waits
      const outcome = await playWhole(play, async () => await subject.begin({ role, peer, transport, secure, account: this.#account, log: lines }));
      progress?.(`${name}: ${outcome.ended}${outcome.text === "" ? "" : `, ${outcome.text}`}${play.heard.length > 0 ? `; heard ${play.heard.join(", ")}` : ""}`);
      return { play, outcome };
    } finally {
      wire.close();
    }
  }

  #loggedInStranger(): Promise<Account> {
    this.#stranger ??= loginAs(this.#options);
    return this.#stranger;
  }

  async logout(): Promise<void> {
    await Promise.all([this.#account.logout(), this.#stranger?.then(async (stranger) => await stranger.logout())]);
  }
}

async function loginAs({ account: { address, ...rest } }: CheckOptions): Promise<Account> {
  const account = new Account({ ...rest, self: `${address}/${randomId()}` });
  await account.login();
  return account;
}

function judgeKept(requirement: Kept, role: Role, { seen, lacking }: Ground): Result {
  const here = [...seen].filter(([baseline]) => baseline.role === role);
  const evidence = here.map(([, { play }]) => play.findings.broken.get(requirement.id)).find((found) => found !== undefined);
  if (evidence) return { requirement, role, verdict: "not met", evidence };
  if (here.some(([, { play }]) => play.findings.kept.has(requirement.id))) return { requirement, role, verdict: "met", evidence: undefined };
  const missing = lacking(requirement.section, role);
  if (missing !== undefined) return { requirement, role, verdict: "not offered", evidence: { why: missing, shown: undefined } };
  // What is forbidden did not come in a whole session.
  const whole = here.some(([baseline, { outcome }]) => outcome.ended === "well" && fits(requirement.section, baseline));
  if (whole) return { requirement, role, verdict: "met", evidence: undefined };
  const reason = here.map(([, { outcome }]) => outcome.text).find((text) => text !== "");
  return { requirement, role, verdict: "not reached", evidence: { why: reason ?? "No session came as far.", shown: undefined } };
}

/** Is it a session of this kind in which rules of that section are seen? */
function fits(section: Section, { transport, secure }: Baseline): boolean {
  if (section === "ibb" || section === "s5b") return transport === section;
  return section === "xtls" ? secure === "xtls" : secure === "starttls";
}

async function provoke(tester: Tester, { rule, role }: { readonly rule: Provoked; readonly role: Role }, { seen, lacking }: Ground): Promise<Result> {
  const requirement = rule;
  const missing = lacking(rule.section, role);
  if (missing !== undefined) return { requirement, role, verdict: "not offered", evidence: { why: missing, shown: undefined } };
  const [baseline, ground] = groundFor(rule, role, seen) ?? [];
  // Whoever refuses every session can still be offered bad ones.
  if (ground?.outcome.ended !== "well" && (rule.section !== "jingle" || rule.goesOn)) {
    return {
      requirement,
      role,
      verdict: "not reached",
      evidence: { why: `Without a breach of the tester's no session comes as far: ${ground?.outcome.text ?? ""}`, shown: undefined },
    };
  }
  const { play, outcome } = await tester.play({ role, transport: baseline?.transport ?? rule.transport, secure: rule.secure, breach: rule.breach });
  const judged = judgeReaction(rule, { reached: play.reached, heard: play.heard, shown: play.shown, outcome });
  if (judged.verdict !== "not met" || !brokenAnyway(outcome, role, seen)) return { requirement, role, ...judged };
  return { requirement, role, verdict: "not reached", evidence: { why: `The peer broke another rule before it could answer: ${outcome.text}`, shown: undefined } };
}

/** Was the play ended by what the peer also breaks where the tester does nothing wrong? It is told there, and is no answer to what was sent here. */
function brokenAnyway({ rule }: Outcome, role: Role, seen: Ground["seen"]): boolean {
  return rule !== undefined && [...seen].some(([baseline, { play }]) => baseline.role === role && play.findings.broken.has(rule));
}

/** The kind of session in which a rule is tried. What is said on the stream can be said over any transport that works. */
function groundFor({ section, transport, secure }: Provoked, role: Role, seen: Ground["seen"]): readonly [Baseline, Played] | undefined {
  const alike = [...seen].filter(([baseline]) => baseline.role === role && baseline.secure === secure);
  const own = alike.find(([baseline]) => baseline.transport === transport);
  const anyTransport = section === "stream" || section === "starttls" || section === "tls";
  return own?.[1].outcome.ended === "well" || !anyTransport ? own : (alike.find(([, { outcome }]) => outcome.ended === "well") ?? own);
}

/** What was heard of a breach of the tester's. */
export interface Reaction {
  /** Did the session come as far as the breach? */
  readonly reached: boolean;
  readonly heard: readonly string[];
  /** What showed each. */
  readonly shown: readonly string[];
  readonly outcome: Outcome;
}

/** Is it what the rule asks for? */
export function judgeReaction(rule: Pick<Provoked, "heard" | "goesOn">, { reached, heard, shown, outcome }: Reaction): Pick<Result, "verdict" | "evidence"> {
  if (!reached) return { verdict: "not reached", evidence: { why: `The session did not come as far: ${outcome.text}`, shown: undefined } };
  const well = outcome.ended === "well";
  const asked = rule.heard.some((word) => heard.some((line) => line === word || line.startsWith(`${word}:`)));
  if (asked && well === rule.goesOn) return { verdict: "met", evidence: undefined };
  const what = heard.length > 0 ? `What was heard is ${heard.join(", ")}` : "Nothing was heard";
  const went = well ? "and the session went on" : `and then: ${outcome.text}`;
  const why = `${what}, ${went}. It should have been ${rule.heard.join(" or ")}${rule.goesOn ? ", and the session should go on" : ""}.`;
  return { verdict: "not met", evidence: { why, shown: shown.filter((line) => line !== "").at(-1) } };
}
