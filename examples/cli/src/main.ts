#!/usr/bin/env node
import { Command, CommanderError } from "commander";
import type { AwayOptions } from "./commands-away.js";
import type { InviteOptions } from "./commands-invite.js";
import type { ListenOptions } from "./commands-listen.js";
import type { OpenOptions, VerifyByVoiceOptions } from "./commands-open.js";
import type { FetchOptions, SignOptions } from "./commands-openpgp.js";
import type { InstallOptions } from "./commands-own-key.js";
import type { ExportOptions, VouchOptions } from "./commands-statements.js";
import type { SureOptions, VerifyOptions } from "./commands-trust.js";
import { exitCodeOf, exitCodes, UsageError } from "./exit-codes.js";
import {
  type CommonOptions,
  type DoctorOptions,
  days,
  daysAway,
  type OnlineOptions,
  seconds,
  withCommonOptions,
  withDoctorOptions,
  withOnlineOptions,
  withStreamOptions,
} from "./options.js";
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
const ownKeyCommands = () => import("./commands-own-key.js");
const openPgpCommands = () => import("./commands-openpgp.js");
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

withOnlineOptions(command("away", "before you go: your contacts can leave messages for you, until you are online again"))
  .option("--days <days>", "for how long, at most 30", daysAway, 7)
  .action(async (options: AwayOptions) => (await import("./commands-away.js")).awayCommand(options));

withOnlineOptions(command("send <jid>", "leave a message for somebody who is away; it is asked for, or comes from stdin")).action(async (jid: string, options: OnlineOptions) =>
  (await import("./commands-away.js")).sendCommand(jid, options),
);

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
about("rotate", "a new key for this device, which the old one signs: verified contacts follow")
  .option("--yes", "without asking", false)
  .action(async (options: SureOptions) => (await ownKeyCommands()).trustRotateCommand(options));
about("reset <jid>", "take whatever key comes next")
  .option("--yes", "without asking", false)
  .action(async (jid: string, options: SureOptions) => (await trustCommands()).trustResetCommand(jid, options));

const openpgp = trust.command("openpgp").description("OpenPGP keys that you trust, and what yours says of this device");
const aboutOpenPgp = (name: string, description: string): Command => withCommonOptions(openpgp.command(name).description(description));
const withDays = (of: Command): Command => of.option("--days <days>", "for how long it is good, at most 400", days, 365);

aboutOpenPgp("add <jid> <file>", "devices that this OpenPGP key has signed are theirs; a newer copy of one that is there brings what is new")
  .option("--yes", "without asking", false)
  .action(async (jid: string, file: string, options: SureOptions) => (await openPgpCommands()).openPgpAddCommand(jid, file, options));
withOnlineOptions(openpgp.command("fetch <jid>").description("the same, of the keys that they have published; brings revocations"))
  .option("--yes", "without asking", false)
  .action(async (jid: string, options: FetchOptions) => (await openPgpCommands()).openPgpFetchCommand(jid, options));
aboutOpenPgp("rm <jid> <fingerprint>", "what this OpenPGP key says of their devices counts no more").action(async (jid: string, fingerprint: string, options: CommonOptions) =>
  (await openPgpCommands()).openPgpRemoveCommand(jid, fingerprint, options),
);
withDays(aboutOpenPgp("sign <file>", "your own OpenPGP key, in this file, signs that this device is yours"))
  .option("--key-passphrase-file <file>", "the passphrase of the OpenPGP key: the file's first line")
  .action(async (file: string, options: SignOptions) => (await openPgpCommands()).openPgpSignCommand(file, options));
withDays(aboutOpenPgp("text", "what is to be signed, for a program of your own: gpg --sign")).action(async (options: SignOptions) =>
  (await openPgpCommands()).openPgpTextCommand(options),
);
aboutOpenPgp("use <key> [file]", "take what it has signed, from a file or stdin; <key> is your public OpenPGP key").action(
  async (key: string, file: string | undefined, options: CommonOptions) => (await openPgpCommands()).openPgpUseCommand(key, file, options),
);
aboutOpenPgp("withdraw", "show nobody any more what your OpenPGP key has signed").action(async (options: CommonOptions) =>
  (await openPgpCommands()).openPgpWithdrawCommand(options),
);
withOnlineOptions(openpgp.command("publish <file>").description("publish your OpenPGP key for others to fetch (XEP-0373)")).action(async (file: string, options: OnlineOptions) =>
  (await openPgpCommands()).openPgpPublishCommand(file, options),
);

const certificate = command("certificate", "your own certificate, where an authority is to issue it");
withCommonOptions(certificate.command("request").description("what to hand to the authority: a request for the key of this device, in PEM")).action(
  async (options: CommonOptions) => (await ownKeyCommands()).certificateRequestCommand(options),
);
withCommonOptions(certificate.command("install <file>").description("take what it has issued, with the certificates of authorities behind it, in PEM"))
  .option("--key <file>", "its private key, in PEM, where it is another than this device has")
  .option("--yes", "without asking", false)
  .action(async (file: string, options: InstallOptions) => (await ownKeyCommands()).certificateInstallCommand(file, options));

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
