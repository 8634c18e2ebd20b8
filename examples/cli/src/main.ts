#!/usr/bin/env node
import { Command, CommanderError } from "commander";
import type { InviteOptions } from "./commands-invite.js";
import type { ListenOptions } from "./commands-listen.js";
import type { OpenOptions, VerifyByVoiceOptions } from "./commands-open.js";
import type { ExportOptions, VouchOptions } from "./commands-statements.js";
import type { SureOptions, VerifyOptions } from "./commands-trust.js";
import { exitCodeOf, exitCodes, UsageError } from "./exit-codes.js";
import { type CommonOptions, type DoctorOptions, type OnlineOptions, seconds, withCommonOptions, withDoctorOptions, withOnlineOptions, withStreamOptions } from "./options.js";
import { endWithReader, makeOutput } from "./output.js";

const help = `
Exit codes:
  0  done; also a conversation or an idle listener that Ctrl-C has ended
  1  a defect in balcony
  2  called wrongly
  3  your server: not reached, no way in, or not XMPP
  4  the peer: absent, unable, or not willing
  5  no connection between you: out of time, no transport, wrong answers
  6  refused for security: key, certificate, TLS, downgrade, address
  7  the stream broke: something may be missing
  8  the store of keys, trust and accounts
  130  interrupted by Ctrl-C before it was done`;

const program = new Command("balcony")
  .description("End-to-end encrypted XML streams between two XMPP addresses.")
  .version("0.1.0")
  .showHelpAfterError("Run `balcony --help` to see how it is called.")
  .configureHelp({
    subcommandTerm: (sub) => [sub.name(), ...sub.registeredArguments.map((argument) => (argument.required ? `<${argument.name()}>` : `[${argument.name()}]`))].join(" "),
  })
  .addHelpText("after", help)
  .exitOverride();

const command = (name: string, description: string): Command => program.command(name).description(description);

// What a command needs is loaded when it is called: `--help` does not wait for all of it.
const trustCommands = () => import("./commands-trust.js");
const statementCommands = () => import("./commands-statements.js");

withOnlineOptions(command("login <jid>", "set up an account: try its password, make its key")).action(async (jid: string, options: OnlineOptions) =>
  (await import("./commands-login.js")).loginCommand(jid, options),
);

withStreamOptions(command("open [jid]", "open a stream: a conversation at a terminal, else a pipe"))
  .option("--code [code]", "the code of their invitation, by which both of you are verified; asked for where it is left out")
  .action(async (jid: string | undefined, options: OpenOptions) => (await import("./commands-open.js")).openCommand(jid, options));

withStreamOptions(command("invite [jid]", "make a code, and wait for whoever opens a stream with it: both are verified"))
  .option("--qr", "a code to scan instead of one to type", false)
  .option("--lifetime <seconds>", "how long the code waits, at most a day", seconds, 600)
  .action(async (jid: string | undefined, options: InviteOptions) => (await import("./commands-invite.js")).inviteCommand(jid, options));

withStreamOptions(command("verify <jid>", "open a stream, and find out with the other person whether somebody is between you"))
  .option("--read-aloud", "they read three numbers to you by voice, and you type them", false)
  .action(async (jid: string, options: VerifyByVoiceOptions) => (await import("./commands-open.js")).verifyCommand(jid, options));

withStreamOptions(command("listen", "wait for others to open a stream"))
  .option("--allow <jid...>", "who may come in without asking, and may know that you are online, beside your contacts", [] as string[])
  .option("--yes", "take every stream that may be offered, without asking", false)
  .option("--once", "end with the first session; a pipe always does", false)
  .action(async (options: ListenOptions) => (await import("./commands-listen.js")).listenCommand(options));

withDoctorOptions(command("doctor [jid]", "what this network and your server offer, what somebody supports, and what to do")).action(
  async (jid: string | undefined, options: DoctorOptions) => (await import("./commands-doctor.js")).doctorCommand(jid, options),
);

withCommonOptions(command("identity", "your own fingerprint, as digits, words and QR code")).action(async (options: CommonOptions) =>
  (await import("./commands-identity.js")).identityCommand(options),
);

const trust = command("trust", "the keys that are remembered");
const about = (name: string, description: string): Command => withCommonOptions(trust.command(name).description(description));

about("ls", "everybody whose key is known").action(async (options: CommonOptions) => (await trustCommands()).trustListCommand(options));
about("show <jid>", "the keys of one address").action(async (jid: string, options: CommonOptions) => (await trustCommands()).trustShowCommand(jid, options));
about("verify <jid> [fingerprint]", "compare what its owner told you")
  .option("--new-key", "also a key never seen: a new device, whose owner gave you the fingerprint", false)
  .action(async (jid: string, fingerprint: string | undefined, options: VerifyOptions) => (await trustCommands()).trustVerifyCommand(jid, fingerprint, options));
about("require <jid> <what>", "take only verified keys of an address: verified, encrypted or default").action(async (jid: string, what: string, options: CommonOptions) =>
  (await trustCommands()).trustRequireCommand(jid, what, options),
);
about("label <jid> <fingerprint> <label>", "give a key a name of your own").action(async (jid: string, fingerprint: string, label: string, options: CommonOptions) =>
  (await trustCommands()).trustLabelCommand(jid, fingerprint, label, options),
);
about("rm <jid> [fingerprint]", "forget a key, or all of an address").action(async (jid: string, fingerprint: string | undefined, options: CommonOptions) =>
  (await trustCommands()).trustRemoveCommand(jid, fingerprint, options),
);
about("revoke <jid> <fingerprint>", "refuse a key for good")
  .option("--yes", "without asking", false)
  .action(async (jid: string, fingerprint: string, options: SureOptions) => (await trustCommands()).trustRevokeCommand(jid, fingerprint, options));
about("vouch <fingerprint>", "say that a key is that of another device of yours")
  .option("--label <name>", "your own name for it")
  .action(async (fingerprint: string, options: VouchOptions) => (await statementCommands()).trustVouchCommand(fingerprint, options));
about("export <jid> [fingerprint]", "what you know of somebody's keys, signed, for another device of yours")
  .option("--for <jid>", "for one person alone, and nobody else's use")
  .action(async (jid: string, fingerprint: string | undefined, options: ExportOptions) => (await statementCommands()).trustExportCommand(jid, fingerprint, options));
about("import [statement]", "take what was exported: the xmpp: code, or a file with one; - reads stdin")
  .option("--yes", "without asking", false)
  .action(async (statement: string | undefined, options: SureOptions) => (await statementCommands()).trustImportCommand(statement, options));
about("reset <jid>", "take whatever key comes next")
  .option("--yes", "without asking", false)
  .action(async (jid: string, options: SureOptions) => (await trustCommands()).trustResetCommand(jid, options));

/** Milliseconds for what is left of a broken connection to go, before the process ends anyway. */
const LINGER = 2000;

endWithReader(exitCodes.broken);
const json = process.argv.includes("--json");
try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    if (json && error.exitCode !== 0) makeOutput({ json }).fail(new UsageError(error.message)); // for people commander has said it already
  } else {
    makeOutput({ json }).fail(error);
    process.exitCode = exitCodeOf(error);
  }
}
setTimeout(() => process.exit(), LINGER).unref();
