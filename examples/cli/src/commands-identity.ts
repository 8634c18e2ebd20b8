import { fingerprintUri, fingerprintWords } from "@balcony/trust";
import { bare } from "@balcony/xml";
import { accountOf } from "./accounts.js";
import { paint } from "./colours.js";
import { address } from "./connect.js";
import { onLines } from "./fingerprint-lines.js";
import { ownFingerprint, withKeys } from "./keys.js";
import type { CommonOptions } from "./options.js";
import { makeOutput } from "./output.js";
import { qrCode } from "./qr-code.js";

const WORDS_A_LINE = 6;

/** `balcony identity` */
export async function identityCommand(options: CommonOptions): Promise<void> {
  const output = makeOutput(options);
  const { jid } = await accountOf(options.data, options.account === undefined ? undefined : bare(address(options.account)));
  const spki = await withKeys(options, output, async (store) => await ownFingerprint(store, jid));
  const words = fingerprintWords(spki);
  const uri = fingerprintUri(jid, spki);
  const lines = Array.from({ length: words.length / WORDS_A_LINE }, (_, line) => words.slice(line * WORDS_A_LINE, (line + 1) * WORDS_A_LINE).join(" "));
  const parts = [
    paint.bold(jid),
    "",
    ...onLines(spki).map((line) => `  ${line}`),
    "",
    ...lines.map((line) => `  ${line}`),
    "",
    ...(qrCode(uri) ?? []),
    "",
    "  Others check it by `balcony trust verify`: the digits, the words or the code,",
    "  whichever reaches them by voice or in person, and not over the chat itself.",
  ];
  output.payload({ event: "identity", account: jid, fingerprint: spki, words, uri }, parts.join("\n"));
}
