#!/usr/bin/env node
import { Command } from "commander";
import { WebSocket } from "ws";
import { type CheckCommandOptions, checkCommand, exitCodes } from "./check/command.js";
import { requirementsTable } from "./check/requirements-table.js";

if (!("WebSocket" in globalThis)) Object.assign(globalThis, { WebSocket }); // Node 20 has none

const program = new Command("balcony-interop")
  .description("Tests implementations of end-to-end XMPP streams.")
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : exitCodes.usage));

program
  .command("check")
  .description("go through the specification, section by section, with whoever is reachable at an address, or with a program that keeps interop/README.md's contract")
  .argument("[jid]", "address of the implementation that is checked: full, or bare for whichever of its clients has end-to-end streams")
  .argument("[command...]", "with --embedded: the program, behind --")
  .option("--account <jid>", "account to check from")
  .option("--password <password>", "its password; better in BALCONY_PASSWORD, or on stdin")
  .option("--service <uri>", "where its server is: xmpp://…, xmpps://…, ws://…, wss://…")
  .option("--sections <list>", "only these: jingle,ibb,s5b,stream,starttls,tls,xtls")
  .option("--only <list>", "only these requirements, by their names")
  .option("--observe", "only watch: break no rule")
  .option("--ask-to-initiate", 'ask it for sessions by a chat message, "open JID"')
  .option("--initiate-command <command>", "have it open a session by this command, with INTEROP_TARGET in its environment")
  .option("--embedded", "start the program that stands behind -- for each session, against a server in this process")
  .option("--option <name=value...>", "with --embedded: more of INTEROP_OPTIONS")
  .option("--timeout <seconds>", "of each wait", "10")
  .option("--jobs <n>", "sessions at once", "4")
  .option("--json [file]", "the report as JSON, to the file or to stdout")
  .option("--junit <file>", "the report as JUnit XML")
  .option("--verbose", "every stanza, on stderr")
  .addHelpText(
    "after",
    `
Exit codes:
  0  every requirement that applies is met
  1  at least one is not met
  2  called wrongly
  3  the tester's own server: not reached, no way in
  4  the implementation: not reached, or nothing could be tested
  5  nothing is broken, but not everything could be reached`,
  )
  .action(async (jid: string | undefined, command: string[], options: CheckCommandOptions) => {
    // With --embedded there is no address: whatever stands there belongs to the command.
    const [address, words] = options.embedded ? [undefined, jid === undefined ? command : [jid, ...command]] : [jid, command];
    process.exitCode = await checkCommand(address, words, options);
  });

program
  .command("requirements")
  .description("print what `check` checks, as a table in Markdown")
  .action(() => void process.stdout.write(requirementsTable()));

await program.parseAsync();
