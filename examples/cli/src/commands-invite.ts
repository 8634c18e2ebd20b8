import { BalconyError } from "@balcony/channel";
import { bare } from "@balcony/xml";
import type { IncomingOffer, Invitation, Session } from "balcony";
import { renderUnicodeCompact } from "uqr";
import { status } from "./colours.js";
import { address, goOnline, type Online } from "./connect.js";
import { aborted, type Interrupt, onInterrupt } from "./interrupt.js";
import type { StreamOptions } from "./options.js";
import { makeOutput, type Output } from "./output.js";
import { printable } from "./printable.js";
import { tellProgress } from "./progress.js";
import { run, tellClosing } from "./run.js";

export interface InviteOptions extends StreamOptions {
  readonly qr: boolean;
  /** Seconds. */
  readonly lifetime: number;
}

/** `balcony invite [JID]`: a code that the other person opens a stream with; both are verified by it. */
export async function inviteCommand(typed: string | undefined, options: InviteOptions): Promise<void> {
  const peer = typed === undefined ? undefined : bare(address(typed));
  const output = makeOutput(options);
  const interrupt = onInterrupt(() => tellClosing(output));
  let taken = false;
  const accept = (offer: IncomingOffer): boolean => !taken && (peer === undefined || bare(offer.peer) === peer);
  try {
    const online = await goOnline(options, output, { signal: interrupt.signal, e2e: { policy: { accept } } });
    online.e2e.on("progress", tellProgress(output, options));
    online.e2e.on("error", (error) => output.fail(error));
    online.e2e.on("session", (session) => tellCome(session, output));
    try {
      const invitation = await online.e2e.invite({ ...(peer !== undefined && { peer }), form: options.qr ? "qr" : "words", lifetime: options.lifetime * 1000 });
      tellCode(invitation, { online, output, options });
      const session = await accepted(invitation, interrupt);
      taken = true;
      for (const other of online.e2e.sessions) if (other !== session) void other.close();
      await run(session, output, interrupt);
    } finally {
      await online.close();
    }
  } finally {
    interrupt.release();
  }
}

async function accepted(invitation: Invitation, { signal }: Interrupt): Promise<Session> {
  const interrupted = aborted(signal).then(() => {
    invitation.withdraw();
    throw new BalconyError("aborted", "Interrupted; the code is good for nothing any more.");
  });
  return await Promise.race([invitation.accepted, interrupted]);
}

function tellCode(
  { code, expires, peer, uri }: Invitation,
  { online, options, output }: { readonly online: Online; readonly output: Output; readonly options: InviteOptions },
): void {
  const whom = peer === undefined ? "whoever is to come" : printable(peer);
  const account = printable(bare(online.self));
  output.tell({ event: "invitation", code, uri, expires, ...(peer !== undefined && { peer }), address: online.self });
  const words = options.qr ? `Show this to ${whom}, and to nobody else:` : `Tell ${whom} this code by voice or in person, and not over XMPP or any other chat:`;
  output.tell({ event: "words" }, words);
  const lines = options.qr ? qrLines(uri) : ["", `    ${status.bold(code)}`, ""];
  for (const line of lines) output.tell({ event: "words" }, line);
  output.tell(
    { event: "words" },
    options.qr ? "They scan it, and run:  balcony open --code and what they scanned, in quotes" : `They run:  balcony open ${account} --code ${code}`,
  );
  const minutes = options.lifetime >= 120 ? `${Math.round(options.lifetime / 60)} min` : `${options.lifetime} s`;
  output.tell({ event: "waiting", deadline: options.lifetime * 1000 }, `waiting for ${whom} (at most ${minutes}; one try; Ctrl-C takes it back)`, "step");
}

/** White on black on every terminal: scanners take a code the other way round badly, or not at all. */
const qrLines = (uri: string): readonly string[] => [
  ...renderUnicodeCompact(uri, { border: 2 })
    .split("\n")
    .map((line) => status.whiteBright(status.bgBlack(line))),
  uri,
];

function tellCome(session: Session, output: Output): void {
  output.tell({ event: "come", peer: session.peer }, `${printable(session.peer)} has opened a stream; the code is tried`, "step");
}
