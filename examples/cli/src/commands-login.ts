import { bare } from "@balcony/xml";
import { sealPassword, writeAccount } from "./accounts.js";
import { address, connect } from "./connect.js";
import { UsageError } from "./exit-codes.js";
import { onInterrupt } from "./interrupt.js";
import { openKeys } from "./keys.js";
import type { OnlineOptions } from "./options.js";
import { makeOutput } from "./output.js";
import { askSecret, secretFrom } from "./secrets.js";

/** `balcony login JID`: tries the password, makes the account's key, and keeps what it may. */
export async function loginCommand(typed: string, options: OnlineOptions): Promise<void> {
  const output = makeOutput(options);
  const jid = bare(address(typed));
  if (!jid.includes("@")) throw new UsageError(`${jid} is a server. An account looks like romeo@${jid}.`);
  const { signal, release } = onInterrupt(() => undefined);
  const service = options.service ?? options.websocket;
  const password = options.passwordFile === undefined ? await askSecret(`Password of ${jid}`, "Use --password-file.") : await secretFrom(options.passwordFile);
  const keys = await openKeys(options, output);
  try {
    const online = await connect({ ...options, jid, password, store: keys.store, service, output, signal });
    const { spki } = await online.e2e.identity();
    const sealed = keys.passphrase === undefined ? undefined : await sealPassword(password, keys.passphrase);
    await writeAccount(options.data, { jid, ...(service !== undefined && { service }), ...(sealed && { password: sealed }) });
    await online.close();
    const kept = sealed ? "Its password is kept, encrypted under your passphrase." : "Its password is not kept: it is asked for each time.";
    output.tell({ event: "login", account: jid, fingerprint: spki, passwordKept: sealed !== undefined }, `${jid} is set up. ${kept}`, "done");
  } finally {
    await keys.store.close();
    release();
  }
}
