import type { Duplex } from "node:stream";
import { childElements, type Element } from "@balcony/xml";
import { NS_C2CTLS, NS_CLIENT, NS_STREAMS, NS_TLS } from "./namespaces.js";
import type { Play } from "./play.js";
import { Stream } from "./stream.js";

const OFFER = (method: string) => `<offer xmlns='${NS_C2CTLS}'><${method}/></offer>`;
const STANZAS: readonly string[] = ["message", "presence", "iq"];

/** RFC 6120 §5.4 from the initiator's side, up to the moment in which TLS begins. */
export async function startTlsAsInitiator(play: Play, duplex: Duplex): Promise<void> {
  const { findings } = play;
  findings.should("header-second", duplex.readableLength === 0, "The responder spoke before the initiator's header had come.", play.role);
  const stream = new Stream(play, duplex, false);
  stream.stopsAt = (element) => element.is("proceed", NS_TLS);
  await stream.open();
  await stream.litter();
  await stream.header();
  const features = await stream.element("features", "features-sent");
  judgePlace(play, stream, features, "features-sent", (element) => element.is("features", NS_STREAMS));
  const starttls = features.getChild("starttls", NS_TLS);
  findings.must("starttls-offered", starttls !== undefined, "Before TLS the features hold no <starttls/>.", features);
  judgeMethods(play, starttls);
  await stream.send(command(play));
  const answer = await stream.element("<proceed/>", "starttls-proceed");
  if (play.options.breach === undefined) {
    findings.must("features-once", !answer.is("features", NS_STREAMS), "Features came twice.", answer);
    findings.must("starttls-proceed", answer.is("proceed", NS_TLS), "<starttls/> was not answered by <proceed/>.", answer);
    judgeMethods(play, answer);
  }
  handOver(play, stream, duplex, "proceed-alone");
}

function command(play: Play): string {
  const method = play.breaks("starttls-offer-of-no-known-method") ? "srp" : "insecure";
  const starttls = `<starttls xmlns='${NS_TLS}'>${OFFER(method)}</starttls>`;
  if (play.breaks("starttls-left-out")) return "<message><body>in the clear</body></message>";
  if (play.breaks("starttls-of-other-namespace")) return "<starttls xmlns='urn:example:tls'/>";
  if (play.breaks("starttls-sasl-instead")) return "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>";
  if (play.breaks("starttls-twice")) return starttls + starttls;
  if (play.breaks("starttls-injected-stanza")) return `${starttls}<message><body>injected</body></message>`;
  if (play.breaks("starttls-injected-space")) return `${starttls}\n`;
  if (play.breaks("starttls-stream-closed-instead")) return "</stream:stream>";
  return starttls;
}

/** The same from the responder's side. `settle` goes there and back over the servers: what the initiator has said unasked has come then. */
export async function startTlsAsResponder(play: Play, duplex: Duplex, settle: () => Promise<void>): Promise<void> {
  const { findings } = play;
  const stream = new Stream(play, duplex, false);
  stream.stopsAt = (element) => element.is("starttls", NS_TLS);
  if (play.options.breach === "xtls-agreed-and-not-kept") await stream.open(); // the other side waits for TLS, and says nothing else
  await stream.header();
  await settle();
  if (stream.waiting > 0) judgePlace(play, stream, await stream.element("features", "silent-before-features"), "silent-before-features", () => false);
  findings.kept.add("silent-before-features");
  await stream.open();
  await stream.litter();
  await offer(play, stream);
  const command = await stream.element("<starttls/>", "starttls-asked");
  if (play.options.breach === undefined) {
    findings.must("starttls-asked", command.is("starttls", NS_TLS), "Something other than <starttls/> came before TLS.", command);
    judgeMethods(play, command);
  }
  handOver(play, stream, duplex, "starttls-alone");
  await stream.send(answer(play));
}

async function offer(play: Play, stream: Stream): Promise<void> {
  const method = play.breaks("starttls-offer-of-no-known-method") ? "srp" : "insecure";
  let features = `<starttls xmlns='${NS_TLS}'><required/>${OFFER(method)}</starttls>`;
  if (play.breaks("features-without-starttls")) features = "";
  if (play.breaks("features-with-starttls-of-other-namespace")) features = "<starttls xmlns='urn:example:tls'/>";
  if (play.breaks("features-with-sasl-alone")) features = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>EXTERNAL</mechanism></mechanisms>";
  if (play.breaks("features-left-out")) await stream.send(`<proceed xmlns='${NS_TLS}'/>`);
  else await stream.features(features);
  if (play.breaks("features-twice")) await stream.features(features);
}

function answer(play: Play): string {
  const proceed = `<proceed xmlns='${NS_TLS}'/>`;
  if (play.breaks("proceed-of-other-namespace")) return "<proceed xmlns='urn:example:tls'/>";
  if (play.breaks("failure-instead-of-proceed")) return `<failure xmlns='${NS_TLS}'/></stream:stream>`;
  if (play.breaks("proceed-injected-stanza")) return `${proceed}<message><body>injected</body></message>`;
  if (play.breaks("proceed-injected-features")) return `${proceed}<stream:features/>`;
  if (play.breaks("proceed-injected-space")) return `${proceed} `;
  if (play.breaks("stanza-instead-of-proceed")) return "<message><body>in the clear</body></message>";
  return proceed;
}

/** Where an element is not the one that was due: is it no stanza at all, or one that came too early? */
export function judgePlace(play: Play, stream: Stream, element: Element, rule: string, due: (element: Element) => boolean): void {
  if (play.options.breach !== undefined) return;
  const { findings } = play;
  if (due(element)) {
    findings.kept.add(stream.rule(rule));
    return;
  }
  const stanza = STANZAS.includes(element.name) && element.getNS() === NS_CLIENT;
  const known = stanza || element.getNS() === NS_STREAMS || element.getNS() === NS_TLS;
  findings.must(stream.rule("stanza-kind"), known, `<${element.name} xmlns='${element.getNS()}'/> is no stanza.`, element);
  findings.must(stream.rule(stanza ? "silent-before-features" : rule), false, `<${element.name}/> came where something else was due.`, element);
}

/** XEP-0250 §2: a certificate will do, whether it can be verified or not. */
function judgeMethods(play: Play, parent: Element | undefined): void {
  const offer = parent && childElements(parent).find((child) => child.is("offer", NS_C2CTLS));
  if (!offer || play.options.breach !== undefined) return;
  const methods = childElements(offer).map((child) => child.attrs.name ?? child.getName());
  const known = methods.some((method) => ["insecure", "keyinfo", "x509"].includes(method));
  play.findings.must("starttls-method", known, `The offer lists ${methods.join(", ") || "nothing"}, and no certificate.`, parent);
}

function handOver(play: Play, stream: Stream, duplex: Duplex, rule: string): void {
  stream.release();
  if (play.options.breach !== undefined) return;
  const left = stream.unread + duplex.readableLength;
  play.findings.must(rule, left === 0, `${left} bytes came in the clear behind the element after which TLS begins.`, stream.recent);
}
