import { BalconyError, type StanzaChannel, type WaitOptions } from "@balcony/channel";
import { isOpenPgpFingerprint, MAX_OPENPGP_KEY, MAX_OPENPGP_KEYS } from "@balcony/trust";
import { bare, childElements, type Element, type Jid, xml } from "@balcony/xml";

const NS_PUBSUB = "http://jabber.org/protocol/pubsub";
const NS_OPENPGP = "urn:xmpp:openpgp:0";
const LIST = `${NS_OPENPGP}:public-keys`;
/** Milliseconds for a server to answer. */
const ANSWER = 30_000;

/** An OpenPGP key that an address has published. Nobody has vouched for it: whose it is a person says, who compares its fingerprint. */
export interface PublishedOpenPgpKey {
  /** As the list names it: upper-case hex. Whether it is this key's is for whoever reads the key to see. */
  readonly fingerprint: string;
  /** The transferable public key, binary, as it came. */
  readonly key: Uint8Array;
}

/**
 * The OpenPGP keys that an address has published (XEP-0373 §4.3, §4.4): at most 8, newest copies alone.
 * @throws `stanza-error` where its server has none or does not say, `openpgp-statement` where what it gives is malformed, `timeout`, `aborted`
 */
export async function publishedOpenPgpKeys(channel: StanzaChannel, account: Jid, options: Pick<WaitOptions, "signal"> = {}): Promise<readonly PublishedOpenPgpKey[]> {
  const list = await item(channel.to(account), LIST, options);
  const fingerprints = readList(list);
  const keys: PublishedOpenPgpKey[] = [];
  for (const fingerprint of fingerprints.slice(0, MAX_OPENPGP_KEYS)) {
    const published = await item(channel.to(account), `${LIST}:${fingerprint}`, options);
    keys.push({ fingerprint, key: readData(published) });
  }
  return keys;
}

/**
 * Publishes our own OpenPGP key, for everybody (XEP-0373 §4.1, §4.2), beside those that are there.
 * @throws `stanza-error` where our server does not take it, `timeout`, `aborted`
 */
export async function publishOpenPgpKey(channel: StanzaChannel, { fingerprint, key }: PublishedOpenPgpKey, options: Pick<WaitOptions, "signal"> = {}): Promise<void> {
  const own = channel.to(bare(channel.self));
  const now = `${new Date().toISOString().slice(0, 19)}Z`;
  const data = xml("pubkey", NS_OPENPGP, xml("data", {}, Buffer.from(key).toString("base64")));
  await publish(own, `${LIST}:${fingerprint}`, { id: now, payload: data }, options);
  const before = await item(own, LIST, options).catch((error: unknown) => {
    if (error instanceof BalconyError && error.code === "stanza-error") return undefined; // it is the first
    throw error;
  });
  const others = before ? childElements(before).filter((child) => child.is("pubkey-metadata", NS_OPENPGP) && child.attrs["v4-fingerprint"] !== fingerprint) : [];
  const list = [...others.map(({ attrs }) => xml("pubkey-metadata", { ...attrs })), xml("pubkey-metadata", { "v4-fingerprint": fingerprint, date: now })];
  await publish(own, LIST, { payload: xml("public-keys-list", NS_OPENPGP, ...list) }, options);
}

async function publish(
  own: StanzaChannel,
  node: string,
  { id, payload }: { readonly id?: string; readonly payload: Element },
  options: Pick<WaitOptions, "signal">,
): Promise<void> {
  const field = (name: string, value: string, type?: string): Element => xml("field", { var: name, type }, xml("value", {}, value));
  const open = xml("x", { xmlns: "jabber:x:data", type: "submit" }, field("FORM_TYPE", `${NS_PUBSUB}#publish-options`, "hidden"), field("pubsub#access_model", "open"));
  const what = xml("pubsub", NS_PUBSUB, xml("publish", { node }, xml("item", { id }, payload)), xml("publish-options", {}, open));
  await own.request(xml("iq", { type: "set" }, what), { timeout: ANSWER, ...options });
}

/** The payload of the newest item of a node. */
async function item(channel: StanzaChannel, node: string, options: Pick<WaitOptions, "signal">): Promise<Element> {
  const asked = xml("pubsub", NS_PUBSUB, xml("items", { node, max_items: 1 }));
  const answer = await channel.request(xml("iq", { type: "get" }, asked), { timeout: ANSWER, ...options });
  const items = answer.getChild("pubsub", NS_PUBSUB)?.getChild("items", NS_PUBSUB);
  const [newest] = items?.attrs.node === node ? items.getChildren("item", NS_PUBSUB) : [];
  const [payload] = newest ? childElements(newest) : [];
  if (!payload) throw malformed(`the node ${node} holds nothing`);
  return payload;
}

function readList(list: Element): readonly string[] {
  if (!list.is("public-keys-list", NS_OPENPGP)) throw malformed("there is no list of keys");
  const fingerprints = list.getChildren("pubkey-metadata", NS_OPENPGP).map(({ attrs }) => attrs["v4-fingerprint"] ?? "");
  if (!fingerprints.every(isOpenPgpFingerprint)) throw malformed("a fingerprint in the list is none");
  return [...new Set(fingerprints)];
}

function readData(pubkey: Element): Uint8Array {
  const text = (pubkey.is("pubkey", NS_OPENPGP) ? pubkey.getChildText("data", NS_OPENPGP) : undefined)?.replace(/\s/gu, "") ?? "";
  const key = Buffer.from(text, "base64");
  if (key.length === 0 || key.length > MAX_OPENPGP_KEY || key.toString("base64") !== text) throw malformed("a key is not in base64, or too large");
  return key;
}

const malformed = (why: string): BalconyError => new BalconyError("openpgp-statement", `The OpenPGP keys that were published cannot be read: ${why}.`, { phase: "trust" });
