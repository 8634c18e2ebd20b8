import { type ContentTerms, featureDigest, type Statement, type Terms } from "./statement.js";

/** Something that is not with one side as it is with the other: somebody on the way has changed it. */
export interface Finding {
  /** `closes`: what makes the stream what it is. `warns`: which path it takes, which TLS does not depend on. */
  readonly weight: "closes" | "warns";
  /** In words for a person. */
  readonly what: string;
}

/** The services that transports are advertised with, beside namespaces of their own. */
const ofTransports = (feature: string): boolean =>
  feature.startsWith("urn:xmpp:jingle:transports:") || feature === "http://jabber.org/protocol/ibb" || feature === "http://jabber.org/protocol/bytestreams";
/** Decides how TLS begins: somebody who does not have it must not seem to. */
const NS_XTLS = "urn:xmpp:jingle:security:xtls:0";

/**
 * Compares what both sides say of the negotiation. Pure.
 * @param transports features that belong to transports, beside those that one knows by their names
 *
 * | what differs                                                          | weight |
 * |-----------------------------------------------------------------------|--------|
 * | who is initiator and who responder                                    | closes |
 * | an offer or answer: missing, made up, doubled                         | closes |
 * | in one: content, creator, name, senders, description                  | closes |
 * | in one: security, taken out, put in or changed                        | closes |
 * | an offer of TLS methods within STARTTLS                               | closes |
 * | a feature taken out of disco#info, or XTLS put in                     | closes |
 * | a transport taken out of disco#info                                   | warns  |
 * | a transport or candidate changed, put in, or out of order             | warns  |
 * | the last transport-infos have not come (yet)                          | –      |
 */
export function compareStatements(own: Statement, theirs: Statement, transports: ReadonlySet<string> = new Set()): readonly Finding[] {
  const closes = (what: string): Finding => ({ weight: "closes", what });
  const warns = (what: string): Finding => ({ weight: "warns", what });
  const findings: Finding[] = [];
  if (own.role === theirs.role) findings.push(closes("both sides are to have opened the stream"));
  for (const [by, sent, received] of [
    ["we", own.sent, theirs.received],
    ["they", theirs.sent, own.received],
  ] as const) {
    findings.push(...differingTerms(by, sent, received).map(closes));
  }
  if ((own.starttls === undefined) !== (theirs.starttls === undefined)) findings.push(closes("one side began with STARTTLS, the other with TLS at once"));
  if (own.starttls?.sent !== theirs.starttls?.received) findings.push(closes("the TLS methods that we offered came otherwise"));
  if (own.starttls?.received !== theirs.starttls?.sent) findings.push(closes("the TLS methods that they offered came otherwise"));
  if (!isPrefix(theirs.transportsReceived, own.transportsSent)) findings.push(warns("a transport or candidate that we offered came otherwise"));
  if (!isPrefix(own.transportsReceived, theirs.transportsSent)) findings.push(warns("a transport or candidate that they offered came otherwise"));
  for (const [whose, features, seen] of [
    ["our", own.features, theirs.seen],
    ["their", theirs.features, own.seen],
  ] as const) {
    if (!seen) continue;
    for (const feature of features) {
      if (!seen.has(featureDigest(feature))) findings.push((transports.has(feature) || ofTransports(feature) ? warns : closes)(`${feature} was taken out of ${whose} features`));
    }
    if (seen.has(featureDigest(NS_XTLS)) && !features.includes(NS_XTLS)) findings.push(closes(`${NS_XTLS} was put into ${whose} features`));
  }
  return findings;
}

function differingTerms(by: "we" | "they", sent: readonly Terms[], received: readonly Terms[]): readonly string[] {
  const actions = (terms: readonly Terms[]): string => terms.map(({ action }) => action).join(", ") || "nothing";
  if (actions(sent) !== actions(received)) return [`${by} sent ${actions(sent)}, and ${actions(received)} came`];
  return sent.flatMap(({ action, contents }, index) => {
    const came = received[index]?.contents ?? [];
    if (contents.length !== came.length) return [`the ${action} that ${by} sent came with other contents`];
    return contents.flatMap((content, at) => differingFields(content, came[at]).map((how) => `${how} of the ${action} that ${by} sent`));
  });
}

function differingFields(sent: ContentTerms, came: ContentTerms | undefined): readonly string[] {
  return (["creator", "name", "senders", "description", "security"] as const).flatMap((field) => {
    const [before, after] = [sent[field], came?.[field]];
    if (before === after) return [];
    return [before === undefined ? `${field} was put into the content` : after === undefined ? `${field} was taken out of the content` : `${field} was changed in the content`];
  });
}

const isPrefix = (prefix: readonly string[], whole: readonly string[]): boolean => prefix.length <= whole.length && prefix.every((one, index) => one === whole[index]);
