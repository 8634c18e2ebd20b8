import { BalconyError, type StanzaChannel } from "@balcony/channel";
import { codeUri, secretCode, wordCode } from "@balcony/trust";
import { bare, type Jid } from "@balcony/xml";
import { readAddress } from "./read-address.js";
import type { Session } from "./session.js";
import { type Invitations, LONGEST_LIFETIME } from "./verification/invitations.js";

export interface InviteOptions {
  /**
   * Whom it is for: its resource does not matter. Without it whoever comes first with the code is taken, or burns it by coming with another: one try in all. While an invitation waits, its
   * address may learn that we are online and offer streams, as `policy.allow` has it; without an address anybody may.
   */
  readonly peer?: string;
  /** `words`: two words and a number, for people: 31.8 bits. `qr`: 128 bits, shown by one and scanned by the other. Default `words`. */
  readonly form?: "words" | "qr";
  /** Milliseconds for which it waits: 10 minutes by default, 24 hours at most. */
  readonly lifetime?: number;
}

/** A code that waits for the other person. Tell it by voice, on paper, or show it; never over XMPP. */
export interface Invitation {
  /** `ridge-lemon-4020`, or 32 hex digits: for `open(…, { code })` or `session.verify({ code })` at the other end. */
  readonly code: string;
  /** The same with our address, for a QR code: `xmpp:juliet@capulet.lit?balcony-code;secret=…` */
  readonly uri: string;
  /** Bare; undefined where anybody may come. */
  readonly peer: Jid | undefined;
  /** ISO 8601. */
  readonly expires: string;
  /**
   * The session in which the other person has proved to know the code: both are verified. Rejects with why nobody will: `code-wrong` (somebody came with another code, and it is used up),
   * `code-expired`, `verification-cancelled` (withdrawn), or whatever ended the one try.
   */
  readonly accepted: Promise<Session>;
  /** Takes it back, if it is not used yet. */
  withdraw(): void;
}

const LIFETIME = 10 * 60_000;

/** @throws `invalid-argument`, `invalid-jid` */
export function invite(
  { form = "words", lifetime = LIFETIME, peer: asked }: InviteOptions,
  { invitations, self, sessionOn }: { readonly invitations: Invitations; readonly self: Jid; readonly sessionOn: (channel: StanzaChannel) => Session | undefined },
): Invitation {
  if (!(lifetime > 0 && lifetime <= LONGEST_LIFETIME)) throw new BalconyError("invalid-argument", "An invitation waits for at most 24 hours.", { phase: "trust" });
  const peer = asked === undefined ? undefined : bare(readAddress(asked));
  const random = (bytes: Uint8Array): Uint8Array => crypto.getRandomValues(bytes);
  const code = form === "qr" ? secretCode(random) : wordCode(random);
  const open = invitations.add(code, peer, lifetime);
  const accepted = open.accepted.then((channel) => {
    const session = sessionOn(channel);
    if (session) return session;
    throw new BalconyError("closed", "The session ended as soon as it was verified.", { phase: "trust", peer });
  });
  accepted.catch(() => undefined); // whoever waits for it hears of it
  return {
    code: code.text,
    uri: codeUri(bare(self), code),
    peer,
    expires: new Date(Date.now() + lifetime).toISOString(),
    accepted,
    withdraw: () => {
      if (!open.used) open.fail(new BalconyError("verification-cancelled", "The invitation was withdrawn.", { phase: "trust", peer }));
    },
  };
}
