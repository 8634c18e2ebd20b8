import { BalconyError, stanzaError, withDeadline } from "@balcony/channel";
import type { Binding, ESession } from "@balcony/esessions";
import { checkSignature, type Identity, publicKeyOf, signBytes } from "@balcony/tls";
import { type Element, xml } from "@balcony/xml";

/** Proof of the device's key inside an ESession between two Balconies: docs/esessions.md. */
export const NS_DEVICE = "urn:xmpp:balcony:device:0";

/** The peer's key, which it has proved to hold, and what a ceremony in this session runs on. */
export interface Proven {
  /** SHA-256 of the SubjectPublicKeyInfo: 64 lower-case hex digits. */
  readonly spki: string;
  readonly binding: Binding;
}

export interface Proving {
  readonly identity: Identity;
  /** Milliseconds. */
  readonly timeout: number;
  readonly signal: AbortSignal;
  /** Asked as soon as the peer has proved its key, and before it hears that ours was taken. Throws where it is not to be trusted. */
  readonly decide: (spki: string) => Promise<void>;
}

/**
 * Each side shows its device's key inside the session and signs the whole negotiation with it, for its own role (docs/security.md):
 *
 *     I → R   <device><key/></device>
 *     R → I   <device><key/><signature/></device>        R has both keys, and with them what is signed
 *     I → R   <device><signature/></device>              I has decided to trust R
 *     R → I   result                                     R has decided to trust I
 *
 * Everything else that comes meanwhile is held by the session, so that nothing is lost before somebody listens.
 * @returns undefined where the peer, though it encrypts whole stanzas, has no key to show
 * @throws `esession-check`, `key-unacceptable`, `reflection`, `timeout`, `aborted`, what `decide` throws, or why the session ended
 */
export async function proveDevices(session: ESession, proving: Proving): Promise<Proven | undefined> {
  const work = session.role === "initiator" ? first(session, proving) : second(session, proving);
  session.deliver(isProof);
  return await work;
}

async function first(session: ESession, { decide, identity, signal, timeout }: Proving): Promise<Proven | undefined> {
  const own = publicKeyOf(identity);
  const ask = async (element: Element): Promise<Element> => {
    try {
      return await session.channel.request(xml("iq", { type: "set" }, element), { timeout, signal });
    } catch (error) {
      if (!(error instanceof BalconyError) || error.code !== "stanza-error" || error.condition === "service-unavailable") throw error;
      throw new BalconyError("declined", `${session.peer} did not take our key: ${error.condition}.`, {
        phase: "trust",
        peer: session.peer,
        condition: error.condition,
        cause: error,
      });
    }
  };
  const answer = await ask(xml("device", NS_DEVICE, field("key", own))).catch((error: unknown) => {
    if (error instanceof BalconyError && error.condition === "service-unavailable") return undefined;
    throw error;
  });
  if (!answer) return undefined;
  const shown = answer.getChild("device", NS_DEVICE);
  const peer = read(shown, "key");
  const binding = session.bind({ own, peer });
  const spki = signer(peer, binding.signed.responder, read(shown, "signature"));
  await decide(spki);
  await ask(xml("device", NS_DEVICE, field("signature", signBytes(identity, binding.signed.initiator).signature)));
  return { spki, binding };
}

async function second(session: ESession, { decide, identity, signal, timeout }: Proving): Promise<Proven> {
  const own = publicKeyOf(identity);
  let shown: { readonly peer: Uint8Array; readonly binding: Binding } | undefined;
  let finish: (proven: Proven) => void = () => undefined;
  let fail: (error: unknown) => void = () => undefined;
  const proven = new Promise<Proven>((resolve, reject) => {
    finish = resolve;
    fail = reject;
  });
  const show = (payload: Element): Element => {
    const peer = read(payload, "key");
    const binding = session.bind({ own, peer });
    shown = { peer, binding };
    return xml("device", NS_DEVICE, field("key", own), field("signature", signBytes(identity, binding.signed.responder).signature));
  };
  const accept = async (payload: Element): Promise<undefined> => {
    if (!shown) throw failed("it signed before it had shown a key");
    const { binding, peer } = shown;
    const spki = signer(peer, binding.signed.initiator, read(payload, "signature"));
    await decide(spki);
    finish({ spki, binding });
    return undefined;
  };
  const unsubscribe = session.channel.onRequest({ type: "set", name: "device", xmlns: NS_DEVICE }, async ({ payload }) => {
    try {
      return shown || payload.getChild("signature", NS_DEVICE) ? await accept(payload) : show(payload);
    } catch (error) {
      fail(error);
      throw stanzaError("not-acceptable");
    }
  });
  const onClosed = (): void => fail(session.channel.closed.reason);
  session.channel.closed.addEventListener("abort", onClosed, { once: true });
  try {
    return await withDeadline(proven, { timeout, signal, waitingFor: `${session.peer} to prove its key` });
  } finally {
    unsubscribe();
    session.channel.closed.removeEventListener("abort", onClosed);
  }
}

/** A message of ours, or the answer to one. */
function isProof({ attrs, children, name }: Element): boolean {
  if (name !== "iq") return false;
  return attrs.type === "result" || attrs.type === "error" || children.some((child) => typeof child !== "string" && child.is("device", NS_DEVICE));
}

const field = (name: "key" | "signature", value: Uint8Array): Element => xml(name, {}, Buffer.from(value).toString("base64"));

function read(device: Element | undefined, name: "key" | "signature"): Uint8Array {
  const text = device?.getChildText(name, NS_DEVICE) ?? "";
  const value = Buffer.from(text, "base64");
  if (value.length === 0 || value.length > 4096 || value.toString("base64") !== text) throw failed(`its ${name} is no base64`);
  return value;
}

/** Whose key has signed. @throws `key-unacceptable`, `esession-check` */
function signer(key: Uint8Array, signed: Uint8Array, signature: Uint8Array): string {
  try {
    return checkSignature({ key, signature }, signed);
  } catch (error) {
    if (error instanceof BalconyError && error.code === "statement-invalid") throw failed("it has not signed this session", error);
    throw error;
  }
}

function failed(what: string, cause?: unknown): BalconyError {
  return new BalconyError("esession-check", `The peer could not prove its key: ${what}.`, { phase: "trust", hint: "Somebody may be between you.", cause });
}
