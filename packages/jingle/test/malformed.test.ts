import { BalconyError } from "@balcony/channel";
import { malformedTable, type Row, type Rule } from "@balcony/test-kit";
import { type Attributes, childElements, type Element, type Node, xml } from "@balcony/xml";
import { actionNames } from "../src/action.js";
import { juliet, Meadow, NS_FILE, NS_ONE, NS_TWO, network, nurse, romeo, security, settle, side, stream, transport } from "./rig.js";

/** How far Juliet's session with Romeo has come when he sends what is wrong. */
type When = "before" | "asked" | "accepted" | "connected" | "offered" | "answered" | "proposing" | "ended";

interface Input {
  readonly when?: When;
  readonly jingle: (sid: string) => Element;
  readonly type?: "get" | "set";
  /** Who sends it; Romeo, if nobody is named. */
  readonly from?: string;
  /** Does Juliet know nobody? */
  readonly stranger?: boolean;
}

const NS = "urn:xmpp:jingle:1";
const NS_NONE = "urn:example:transports:none:0";
const jingle = (action: string | undefined, sid: string | undefined, ...children: Node[]) => xml("jingle", { xmlns: NS, action, sid }, ...children);
const content = (attrs: Attributes, ...children: Node[]) => xml("content", attrs, ...children);
const ours = { creator: "initiator", name: "xmlstream" };
const via = (namespace = NS_ONE, sid: string | undefined = "t1") => xml("transport", { xmlns: namespace, sid });
const full = () => content(ours, stream(), via());
const reason = (...children: Node[]) => xml("reason", null, ...children);
/** What names an application, transport or security that nobody knows. */
const unknown = (name: string) => xml(name, "urn:example:none:0");

/** What came of it: the error's most telling name; else the reason of the session-terminate that follows; else the code our side ends with; else "accepted". */
async function run({ when = "before", jingle: make, type = "set", from = romeo, stranger = false }: Input): Promise<string> {
  const net = network();
  const meadow = new Meadow();
  let knows = true;
  const one = transport(NS_ONE, meadow, when === "proposing" ? "no-connection" : when === "connected" ? "works" : "never");
  const host = side(net, juliet, [one, transport(NS_TWO, meadow, "never")], { knows: () => knows });
  const wire = new Map([romeo, nurse, `${romeo}2`].map((address) => [address, net.connect(address)]));
  const sender = wire.get(from);
  const romeos = wire.get(romeo);
  if (!sender || !romeos) throw new Error(`nobody is ${from}`);
  const seen: Element[] = [];
  for (const channel of wire.values()) {
    channel.onRequest({ type: "set", name: "jingle", xmlns: NS }, ({ payload }) => {
      seen.push(payload);
      return undefined;
    });
  }
  const send = (element: Element, channel = romeos) => channel.request(xml("iq", { to: juliet, type: "set" }, element));
  let sid = "s1";
  const outcomes: string[] = [];
  const note = (promise: Promise<unknown>) => promise.catch((error: unknown) => outcomes.push(error instanceof BalconyError ? error.code : String(error)));
  if (when === "offered" || when === "answered" || when === "proposing") {
    note(host.jingle.initiate(romeo, { application: stream(), security: security() }));
    await settle();
    sid = seen[0]?.attrs.sid ?? "";
    const offered = seen[0]?.getChild("content")?.getChild("transport")?.attrs.sid;
    if (when !== "offered") await send(jingle("session-accept", sid, content(ours, stream(), via(NS_ONE, offered))));
  } else if (when !== "before") {
    await send(jingle("session-initiate", sid, full()));
    if (when !== "asked") note(host.offers[0]?.accept({ application: stream() }) ?? Promise.resolve());
    await settle();
    if (when === "connected") meadow.meet("t1", () => undefined);
    await settle();
    if (when === "ended") await send(jingle("session-terminate", sid, reason(xml("success"))));
  }
  await settle();
  outcomes.length = 0;
  seen.length = 0;
  knows = !stranger;
  try {
    await sender.request(xml("iq", { to: juliet, type }, make(sid)));
  } catch (error) {
    const stanza = error instanceof BalconyError ? error.stanza : undefined;
    await host.jingle.close();
    return stanza?.application?.name ?? stanza?.condition ?? String(error);
  }
  await settle();
  const ended = seen.find((element) => element.attrs.action === "session-terminate");
  const said = ended?.getChild("reason");
  const verdict = (said && childElements(said)[0]?.name) ?? seen.find((element) => element.attrs.action?.endsWith("-reject"))?.attrs.action ?? outcomes[0];
  await host.jingle.close();
  return verdict ?? "accepted";
}

const rules: readonly Rule[] = [
  { section: "§6.2 a", text: "The request is an IQ-set." },
  { section: "§6.2 b", text: "session-initiate contains one or more <content/> elements." },
  { section: "§6.2 c", text: "Each <content/> contains one <description/>." },
  { section: "§6.2 d", text: "Each <content/> contains one <transport/>." },
  { section: "§6.2 e", text: "Each <content/> contains one <security/> at most." },
  { section: "§6.3.1", text: "An application or transport that the responder does not know ends the session after its acknowledgement." },
  { section: "§6.3.2 a", text: "An initiator who is not known gets service-unavailable." },
  { section: "§6.3.2 b", text: "A malformed initiation request gets bad-request." },
  { section: "§6.7 a", text: "What comes after session-terminate gets unknown-session." },
  { section: "§6.7 b", text: "A session is terminated by one of its two parties." },
  { section: "§6.8 a", text: "session-info whose payload is not understood gets unsupported-info." },
  { section: "§6.8 b", text: "description-info whose payload is not understood gets unsupported-info." },
  { section: "§6.8 c", text: "transport-info whose payload is not understood gets unsupported-info." },
  { section: "§7.1 a", text: "action is REQUIRED." },
  { section: "§7.1 b", text: "sid is REQUIRED." },
  { section: "§7.1 c", text: "The responder interacts with `from`, whatever `initiator` says." },
  { section: "§7.2", text: "A value of action that is not defined gets bad-request." },
  { section: "§7.2.1", text: "content-accept accepts a content-add." },
  { section: "§7.2.2", text: "content-add specifies the added content definitions, and is accepted or rejected." },
  { section: "§7.2.3", text: "content-modify changes the direction of an existing content." },
  { section: "§7.2.4", text: "content-reject rejects a content-add." },
  { section: "§7.2.5", text: "content-remove specifies the removed contents, and a session without content is void." },
  { section: "§7.2.6", text: "description-info is about the application of a content." },
  { section: "§7.2.7", text: "security-info is about the security precondition of a content." },
  { section: "§7.2.8 a", text: "session-accept contains one or more <content/>." },
  { section: "§7.2.8 b", text: "Each <content/> of session-accept contains one <description/>." },
  { section: "§7.2.8 c", text: "Each <content/> of session-accept contains one <transport/>." },
  { section: "§7.2.8 d", text: "session-accept accepts only the contents that were offered." },
  { section: "§7.2.8 e", text: "session-accept is the responder's, once, to an offer." },
  { section: "§7.2.10 a", text: "The one content of a session-initiate has the disposition session." },
  { section: "§7.2.10 b", text: "Of several contents at least one has the disposition session." },
  { section: "§7.2.11", text: "session-terminate ends an existing session." },
  { section: "§7.2.12", text: "transport-accept accepts a transport-replace." },
  { section: "§7.2.13", text: "transport-info holds transport candidates of a content." },
  { section: "§7.2.14", text: "transport-reject rejects a transport-replace." },
  { section: "§7.2.15", text: "transport-replace defines a transport, which is accepted or rejected." },
  { section: "§7.2.16 a", text: "Of two session-initiates the one with the higher sid gets conflict." },
  { section: "§7.2.16 b", text: "In a session the initiator's action overrules the responder's, who gets conflict." },
  { section: "§7.3 a", text: "creator is initiator or responder." },
  { section: "§7.3 b", text: "creator always matches the party that generated the content." },
  { section: "§7.3 c", text: "name is REQUIRED." },
  { section: "§7.3 d", text: "senders is both, initiator, none or responder." },
  { section: "§7.3 e", text: "senders is REQUIRED in content-modify." },
  { section: "§7.3 f", text: "creator and name together are unique in a session." },
  { section: "§7.4", text: "<reason/> contains a condition." },
  { section: "§10 a", text: "A sid that the recipient does not know gets unknown-session." },
  { section: "§10 b", text: "What cannot occur at this point of the state machine gets out-of-order." },
];

const about = actionNames.filter((name) => name !== "session-info" && name !== "session-terminate");
const inSession = actionNames.filter((name) => name !== "session-initiate");

const rows: readonly Row<Input>[] = [
  { name: "session-initiate in an IQ-get", breaks: "§6.2 a", input: { type: "get", jingle: (sid) => jingle("session-initiate", sid, full()) }, code: "service-unavailable" },
  {
    name: "session-terminate in an IQ-get",
    breaks: "§6.2 a",
    input: { type: "get", when: "asked", jingle: (sid) => jingle("session-terminate", sid) },
    code: "service-unavailable",
  },
  { name: "an offer of nothing", breaks: ["§6.2 b", "§6.3.2 b"], input: { jingle: (sid) => jingle("session-initiate", sid) }, code: "bad-request" },
  {
    name: "an offer whose content is in no namespace",
    breaks: "§6.2 b",
    input: { jingle: (sid) => jingle("session-initiate", sid, content({ ...ours, xmlns: "" }, stream(), via())) },
    code: "bad-request",
  },
  {
    name: "two contents of one name",
    breaks: "§6.2 b",
    input: { jingle: (sid) => jingle("session-initiate", sid, full(), full()) },
    code: "bad-request",
  },
  { name: "a content without description", breaks: ["§6.2 c", "§6.3.2 b"], input: { jingle: (sid) => jingle("session-initiate", sid, content(ours, via())) }, code: "bad-request" },
  {
    name: "a content with two descriptions",
    breaks: "§6.2 c",
    input: { jingle: (sid) => jingle("session-initiate", sid, content(ours, stream(), stream(), via())) },
    code: "bad-request",
  },
  {
    name: "a second content without description",
    breaks: "§6.2 c",
    input: { jingle: (sid) => jingle("session-initiate", sid, full(), content({ ...ours, name: "b" }, via())) },
    code: "bad-request",
  },
  {
    name: "a content without transport",
    breaks: ["§6.2 d", "§6.3.2 b"],
    input: { jingle: (sid) => jingle("session-initiate", sid, content(ours, stream())) },
    code: "bad-request",
  },
  {
    name: "a content with two transports",
    breaks: "§6.2 d",
    input: { jingle: (sid) => jingle("session-initiate", sid, content(ours, stream(), via(), via(NS_TWO))) },
    code: "bad-request",
  },
  {
    name: "a transport that its own specification finds malformed",
    breaks: "§6.3.2 b",
    input: { jingle: (sid) => jingle("session-initiate", sid, content(ours, stream(), xml("transport", NS_ONE))) },
    code: "bad-request",
  },
  {
    name: "a content with two securities",
    breaks: "§6.2 e",
    input: { jingle: (sid) => jingle("session-initiate", sid, content(ours, stream(), via(), security(), security())) },
    code: "bad-request",
  },
  {
    name: "two securities in the answer",
    breaks: "§6.2 e",
    input: { when: "offered", jingle: (sid) => jingle("session-accept", sid, content(ours, stream(), via(), security(), security())) },
    code: "bad-request",
  },
  {
    name: "an unknown application",
    breaks: "§6.3.1",
    input: { jingle: (sid) => jingle("session-initiate", sid, content(ours, unknown("description"), via())) },
    code: "unsupported-applications",
  },
  {
    name: "a description in Jingle's own namespace",
    breaks: "§6.3.1",
    input: { jingle: (sid) => jingle("session-initiate", sid, content(ours, xml("description"), via())) },
    code: "unsupported-applications",
  },
  {
    name: "an unknown transport",
    breaks: "§6.3.1",
    input: { jingle: (sid) => jingle("session-initiate", sid, content(ours, stream(), via(NS_NONE))) },
    code: "unsupported-transports",
  },
  {
    name: "a known application by an unknown transport, an unknown one by a known",
    breaks: "§6.3.1",
    input: { jingle: (sid) => jingle("session-initiate", sid, content(ours, stream(), via(NS_NONE)), content({ ...ours, name: "b" }, unknown("description"), via())) },
    code: "unsupported-transports",
  },
  { name: "an offer of a stranger's", breaks: "§6.3.2 a", input: { stranger: true, jingle: (sid) => jingle("session-initiate", sid, full()) }, code: "service-unavailable" },
  { name: "a malformed offer of a stranger's", breaks: "§6.3.2 a", input: { stranger: true, jingle: () => jingle(undefined, undefined) }, code: "service-unavailable" },
  {
    name: "a stranger's terminate of another's session",
    breaks: ["§6.3.2 a", "§6.7 b"],
    input: { when: "asked", from: nurse, stranger: true, jingle: (sid) => jingle("session-terminate", sid) },
    code: "service-unavailable",
  },
  {
    name: "another resource's terminate",
    breaks: "§6.7 b",
    input: { when: "asked", from: `${romeo}2`, jingle: (sid) => jingle("session-terminate", sid) },
    code: "unknown-session",
  },
  { name: "another address's terminate", breaks: "§6.7 b", input: { when: "connected", from: nurse, jingle: (sid) => jingle("session-terminate", sid) }, code: "unknown-session" },
  ...inSession.map(
    (action): Row<Input> => ({
      name: `${action} after the end`,
      breaks: ["§6.7 a", "§10 a"],
      input: { when: "ended", jingle: (sid) => jingle(action, sid, content({ ...ours, senders: "both" }, stream(), via(), security())) },
      code: "unknown-session",
    }),
  ),
  ...inSession.map(
    (action): Row<Input> => ({
      name: `${action} for a sid that never was`,
      breaks: "§10 a",
      input: { when: "connected", jingle: () => jingle(action, "another", content({ ...ours, senders: "both" }, stream(), via(), security())) },
      code: "unknown-session",
    }),
  ),
  {
    name: "session-info of what nobody understands",
    breaks: "§6.8 a",
    input: { when: "connected", jingle: (sid) => jingle("session-info", sid, xml("ringing", "urn:xmpp:jingle:apps:rtp:1:info")) },
    code: "unsupported-info",
  },
  {
    name: "session-info before acceptance",
    breaks: "§6.8 a",
    input: { when: "offered", jingle: (sid) => jingle("session-info", sid, xml("ringing", "urn:xmpp:jingle:apps:rtp:1:info")) },
    code: "unsupported-info",
  },
  { name: "description-info", breaks: "§6.8 b", input: { when: "connected", jingle: (sid) => jingle("description-info", sid, content(ours, stream())) }, code: "unsupported-info" },
  {
    name: "transport-info of a transport that is not the session's",
    breaks: "§6.8 c",
    input: { when: "accepted", jingle: (sid) => jingle("transport-info", sid, content(ours, via(NS_NONE))) },
    code: "unsupported-info",
  },
  {
    name: "transport-info of a known transport that is not the session's",
    breaks: "§6.8 c",
    input: { when: "asked", jingle: (sid) => jingle("transport-info", sid, content(ours, via(NS_TWO))) },
    code: "unsupported-info",
  },
  { name: "no action", breaks: "§7.1 a", input: { jingle: (sid) => jingle(undefined, sid, full()) }, code: "bad-request" },
  { name: "no action in a session", breaks: "§7.1 a", input: { when: "connected", jingle: (sid) => jingle(undefined, sid) }, code: "bad-request" },
  ...actionNames.map(
    (action): Row<Input> => ({ name: `${action} without sid`, breaks: "§7.1 b", input: { when: "asked", jingle: () => jingle(action, undefined, full()) }, code: "bad-request" }),
  ),
  { name: "an empty sid", breaks: "§7.1 b", input: { jingle: () => jingle("session-initiate", "", full()) }, code: "bad-request" },
  { name: "a sid of a thousand letters", breaks: "§7.1 b", input: { jingle: () => jingle("session-initiate", "s".repeat(1_000), full()) }, code: "bad-request" },
  {
    name: "an initiator that is somebody else",
    breaks: "§7.1 c",
    input: { jingle: (sid) => xml("jingle", { xmlns: NS, action: "session-initiate", sid, initiator: nurse }, full()) },
    code: "accepted",
  },
  {
    name: "a responder that is somebody else",
    breaks: "§7.1 c",
    input: { when: "offered", jingle: (sid) => xml("jingle", { xmlns: NS, action: "session-accept", sid, responder: nurse }, content(ours, stream(), via(NS_ONE, "wrong"))) },
    code: "bad-request",
  },
  {
    name: "an initiator that is somebody else, by somebody else",
    breaks: "§7.1 c",
    input: { when: "asked", from: nurse, jingle: (sid) => xml("jingle", { xmlns: NS, action: "session-terminate", sid, initiator: romeo }) },
    code: "unknown-session",
  },
  ...["session-initiated", "SESSION-INITIATE", "", "toString", "__proto__", " session-initiate", "transport-replaced"].map(
    (action): Row<Input> => ({
      name: `the action ${JSON.stringify(action)}`,
      breaks: "§7.2",
      input: { when: "asked", jingle: (sid) => jingle(action, sid, full()) },
      code: "bad-request",
    }),
  ),
  ...about.map(
    (action): Row<Input> => ({ name: `${action} without content`, breaks: sectionOf(action), input: { when: "asked", jingle: (sid) => jingle(action, sid) }, code: "bad-request" }),
  ),
  {
    name: "content-accept of what nobody added",
    breaks: ["§7.2.1", "§10 b"],
    input: { when: "connected", jingle: (sid) => jingle("content-accept", sid, full()) },
    code: "out-of-order",
  },
  {
    name: "content-accept without transport",
    breaks: "§7.2.1",
    input: { when: "connected", jingle: (sid) => jingle("content-accept", sid, content(ours, stream())) },
    code: "bad-request",
  },
  {
    name: "content-add without name",
    breaks: ["§7.2.2", "§7.3 c"],
    input: { when: "connected", jingle: (sid) => jingle("content-add", sid, content({ creator: "responder" }, stream(), via())) },
    code: "bad-request",
  },
  {
    name: "content-add without description",
    breaks: "§7.2.2",
    input: { when: "connected", jingle: (sid) => jingle("content-add", sid, content({ ...ours, name: "b" }, via())) },
    code: "bad-request",
  },
  {
    name: "content-add of the content that there is",
    breaks: ["§7.2.2", "§7.3 f"],
    input: { when: "connected", jingle: (sid) => jingle("content-add", sid, full()) },
    code: "content-reject",
  },
  {
    name: "content-modify of a content that there is not",
    breaks: "§7.2.3",
    input: { when: "connected", jingle: (sid) => jingle("content-modify", sid, content({ ...ours, name: "b", senders: "both" })) },
    code: "item-not-found",
  },
  {
    name: "content-modify to a direction that was not agreed on",
    breaks: "§7.2.3",
    input: { when: "connected", jingle: (sid) => jingle("content-modify", sid, content({ ...ours, senders: "none" })) },
    code: "not-acceptable",
  },
  { name: "content-modify without senders", breaks: "§7.3 e", input: { when: "connected", jingle: (sid) => jingle("content-modify", sid, content(ours)) }, code: "bad-request" },
  {
    name: "content-reject of what nobody added",
    breaks: ["§7.2.4", "§10 b"],
    input: { when: "asked", jingle: (sid) => jingle("content-reject", sid, content(ours)) },
    code: "out-of-order",
  },
  {
    name: "content-remove of a content that there is not",
    breaks: "§7.2.5",
    input: { when: "connected", jingle: (sid) => jingle("content-remove", sid, content({ ...ours, name: "b" })) },
    code: "item-not-found",
  },
  { name: "content-remove of the only content", breaks: "§7.2.5", input: { when: "connected", jingle: (sid) => jingle("content-remove", sid, content(ours)) }, code: "success" },
  {
    name: "content-remove of the content and of another",
    breaks: "§7.2.5",
    input: { when: "connected", jingle: (sid) => jingle("content-remove", sid, content(ours), content({ ...ours, name: "b" })) },
    code: "item-not-found",
  },
  {
    name: "description-info without description",
    breaks: "§7.2.6",
    input: { when: "connected", jingle: (sid) => jingle("description-info", sid, content(ours)) },
    code: "bad-request",
  },
  {
    name: "description-info for a content that there is not",
    breaks: "§7.2.6",
    input: { when: "connected", jingle: (sid) => jingle("description-info", sid, content({ ...ours, name: "b" }, stream())) },
    code: "item-not-found",
  },
  { name: "security-info without security", breaks: "§7.2.7", input: { when: "connected", jingle: (sid) => jingle("security-info", sid, content(ours)) }, code: "bad-request" },
  {
    name: "security-info where no precondition was set",
    breaks: "§7.2.7",
    input: { when: "connected", jingle: (sid) => jingle("security-info", sid, content(ours, security())) },
    code: "unsupported-info",
  },
  { name: "session-accept without content", breaks: "§7.2.8 a", input: { when: "offered", jingle: (sid) => jingle("session-accept", sid) }, code: "bad-request" },
  {
    name: "session-accept without description",
    breaks: "§7.2.8 b",
    input: { when: "offered", jingle: (sid) => jingle("session-accept", sid, content(ours, via())) },
    code: "bad-request",
  },
  {
    name: "session-accept with two descriptions",
    breaks: "§7.2.8 b",
    input: { when: "offered", jingle: (sid) => jingle("session-accept", sid, content(ours, stream(), stream(), via())) },
    code: "bad-request",
  },
  {
    name: "session-accept without transport",
    breaks: "§7.2.8 c",
    input: { when: "offered", jingle: (sid) => jingle("session-accept", sid, content(ours, stream())) },
    code: "bad-request",
  },
  {
    name: "session-accept with two transports",
    breaks: "§7.2.8 c",
    input: { when: "offered", jingle: (sid) => jingle("session-accept", sid, content(ours, stream(), via(), via())) },
    code: "bad-request",
  },
  {
    name: "session-accept by another transport than was offered",
    breaks: "§7.2.8 d",
    input: { when: "offered", jingle: (sid) => jingle("session-accept", sid, content(ours, stream(), via(NS_TWO))) },
    code: "bad-request",
  },
  {
    name: "session-accept of another application",
    breaks: "§7.2.8 d",
    input: { when: "offered", jingle: (sid) => jingle("session-accept", sid, content(ours, xml("description", NS_FILE), via())) },
    code: "bad-request",
  },
  {
    name: "session-accept of the content and of another",
    breaks: "§7.2.8 d",
    input: { when: "offered", jingle: (sid) => jingle("session-accept", sid, full(), content({ ...ours, name: "b" }, stream(), via())) },
    code: "bad-request",
  },
  {
    name: "session-accept with a precondition that nobody set",
    breaks: "§7.2.8 d",
    input: { when: "offered", jingle: (sid) => jingle("session-accept", sid, content(ours, stream(), via(), unknown("security"))) },
    code: "bad-request",
  },
  {
    name: "session-accept whose transport answers another offer",
    breaks: "§7.2.8 d",
    input: { when: "offered", jingle: (sid) => jingle("session-accept", sid, content(ours, stream(), via(NS_ONE, "another"))) },
    code: "bad-request",
  },
  {
    name: "session-accept by the initiator",
    breaks: ["§7.2.8 e", "§10 b"],
    input: { when: "asked", jingle: (sid) => jingle("session-accept", sid, full()) },
    code: "out-of-order",
  },
  {
    name: "session-accept by another resource",
    breaks: "§7.2.8 e",
    input: { when: "offered", from: `${romeo}2`, jingle: (sid) => jingle("session-accept", sid, full()) },
    code: "unknown-session",
  },
  {
    name: "session-accept a second time",
    breaks: ["§7.2.8 e", "§10 b"],
    input: { when: "answered", jingle: (sid) => jingle("session-accept", sid, full()) },
    code: "out-of-order",
  },
  {
    name: "one content of disposition early-session",
    breaks: "§7.2.10 a",
    input: { jingle: (sid) => jingle("session-initiate", sid, content({ ...ours, disposition: "early-session" }, stream(), via())) },
    code: "bad-request",
  },
  {
    name: "one content of empty disposition",
    breaks: "§7.2.10 a",
    input: { jingle: (sid) => jingle("session-initiate", sid, content({ ...ours, disposition: "" }, stream(), via())) },
    code: "bad-request",
  },
  {
    name: "two contents, none of disposition session",
    breaks: "§7.2.10 b",
    input: {
      jingle: (sid) =>
        jingle(
          "session-initiate",
          sid,
          content({ ...ours, disposition: "early-session" }, stream(), via()),
          content({ ...ours, name: "b", disposition: "inline" }, stream(), via()),
        ),
    },
    code: "bad-request",
  },
  {
    name: "a content that we know of another disposition, and one of session that we do not know",
    breaks: "§7.2.10 b",
    input: {
      jingle: (sid) =>
        jingle("session-initiate", sid, content({ ...ours, disposition: "early-session" }, stream(), via()), content({ ...ours, name: "b" }, unknown("description"), via())),
    },
    code: "unsupported-applications",
  },
  { name: "session-terminate of nothing", breaks: "§7.2.11", input: { jingle: (sid) => jingle("session-terminate", sid) }, code: "unknown-session" },
  {
    name: "session-initiate of a session that there is",
    breaks: ["§10 b", "§7.3 f"],
    input: { when: "asked", jingle: (sid) => jingle("session-initiate", sid, full()) },
    code: "out-of-order",
  },
  { name: "session-initiate after session-accept", breaks: "§10 b", input: { when: "connected", jingle: (sid) => jingle("session-initiate", sid, full()) }, code: "out-of-order" },
  {
    name: "session-initiate with the sid of our own session",
    breaks: "§10 b",
    input: { when: "answered", jingle: (sid) => jingle("session-initiate", sid, full()) },
    code: "out-of-order",
  },
  {
    name: "transport-accept of what nobody proposed",
    breaks: ["§7.2.12", "§10 b"],
    input: { when: "connected", jingle: (sid) => jingle("transport-accept", sid, content(ours, via())) },
    code: "out-of-order",
  },
  {
    name: "transport-accept of another transport than was proposed",
    breaks: "§7.2.12",
    input: { when: "proposing", jingle: (sid) => jingle("transport-accept", sid, content(ours, via(NS_ONE))) },
    code: "bad-request",
  },
  {
    name: "transport-accept without transport",
    breaks: "§7.2.12",
    input: { when: "proposing", jingle: (sid) => jingle("transport-accept", sid, content(ours)) },
    code: "bad-request",
  },
  {
    name: "transport-accept that the transport finds malformed",
    breaks: "§7.2.12",
    input: { when: "proposing", jingle: (sid) => jingle("transport-accept", sid, content(ours, xml("transport", NS_TWO))) },
    code: "bad-request",
  },
  { name: "transport-info without transport", breaks: "§7.2.13", input: { when: "asked", jingle: (sid) => jingle("transport-info", sid, content(ours)) }, code: "bad-request" },
  {
    name: "transport-info for a content that there is not",
    breaks: "§7.2.13",
    input: { when: "accepted", jingle: (sid) => jingle("transport-info", sid, content({ ...ours, name: "b" }, via())) },
    code: "item-not-found",
  },
  {
    name: "transport-info that the transport finds malformed",
    breaks: "§7.2.13",
    input: { when: "accepted", jingle: (sid) => jingle("transport-info", sid, content(ours, xml("transport", NS_ONE))) },
    code: "bad-request",
  },
  {
    name: "transport-info for two contents",
    breaks: "§7.2.13",
    input: { when: "accepted", jingle: (sid) => jingle("transport-info", sid, content(ours, via()), content(ours, via())) },
    code: "item-not-found",
  },
  {
    name: "transport-reject of what nobody proposed",
    breaks: ["§7.2.14", "§10 b"],
    input: { when: "accepted", jingle: (sid) => jingle("transport-reject", sid, content(ours, via())) },
    code: "out-of-order",
  },
  {
    name: "transport-replace without transport",
    breaks: "§7.2.15",
    input: { when: "accepted", jingle: (sid) => jingle("transport-replace", sid, content(ours)) },
    code: "bad-request",
  },
  {
    name: "transport-replace to an unknown transport",
    breaks: "§7.2.15",
    input: { when: "accepted", jingle: (sid) => jingle("transport-replace", sid, content(ours, via(NS_NONE))) },
    code: "transport-reject",
  },
  {
    name: "transport-replace before acceptance",
    breaks: "§7.2.15",
    input: { when: "asked", jingle: (sid) => jingle("transport-replace", sid, content(ours, via(NS_TWO))) },
    code: "transport-reject",
  },
  {
    name: "transport-replace of a path that stands",
    breaks: "§7.2.15",
    input: { when: "connected", jingle: (sid) => jingle("transport-replace", sid, content(ours, via(NS_TWO))) },
    code: "transport-reject",
  },
  {
    name: "transport-replace that the transport finds malformed",
    breaks: "§7.2.15",
    input: { when: "accepted", jingle: (sid) => jingle("transport-replace", sid, content(ours, xml("transport", NS_TWO))) },
    code: "bad-request",
  },
  { name: "an offer with the higher sid", breaks: "§7.2.16 a", input: { when: "offered", jingle: () => jingle("session-initiate", "~", full()) }, code: "tie-break" },
  {
    name: "an offer with our own sid, of a higher address",
    breaks: "§7.2.16 a",
    input: { when: "offered", jingle: (sid) => jingle("session-initiate", sid, full()) },
    code: "tie-break",
  },
  {
    name: "a responder's transport-replace that crosses ours",
    breaks: "§7.2.16 b",
    input: { when: "proposing", jingle: (sid) => jingle("transport-replace", sid, content(ours, via(NS_TWO))) },
    code: "tie-break",
  },
  {
    name: "a creator that is nobody",
    breaks: "§7.3 a",
    input: { jingle: (sid) => jingle("session-initiate", sid, content({ ...ours, creator: "romeo" }, stream(), via())) },
    code: "bad-request",
  },
  {
    name: "an empty creator",
    breaks: "§7.3 a",
    input: { when: "asked", jingle: (sid) => jingle("transport-info", sid, content({ ...ours, creator: "" }, via())) },
    code: "bad-request",
  },
  {
    name: "an offer created by the responder",
    breaks: "§7.3 b",
    input: { jingle: (sid) => jingle("session-initiate", sid, content({ ...ours, creator: "responder" }, stream(), via())) },
    code: "bad-request",
  },
  {
    name: "an answer to an offer created by the responder",
    breaks: "§7.3 b",
    input: { when: "offered", jingle: (sid) => jingle("session-accept", sid, content({ ...ours, creator: "responder" }, stream(), via())) },
    code: "item-not-found",
  },
  {
    name: "transport-info for the responder's content",
    breaks: "§7.3 b",
    input: { when: "accepted", jingle: (sid) => jingle("transport-info", sid, content({ ...ours, creator: "responder" }, via())) },
    code: "item-not-found",
  },
  {
    name: "content-remove of the responder's content of the same name",
    breaks: ["§7.3 b", "§7.2.5"],
    input: { when: "connected", jingle: (sid) => jingle("content-remove", sid, content({ ...ours, creator: "responder" })) },
    code: "item-not-found",
  },
  {
    name: "an offer without name",
    breaks: "§7.3 c",
    input: { jingle: (sid) => jingle("session-initiate", sid, content({ creator: "initiator" }, stream(), via())) },
    code: "bad-request",
  },
  {
    name: "senders that are nobody",
    breaks: "§7.3 d",
    input: { jingle: (sid) => jingle("session-initiate", sid, content({ ...ours, senders: "all" }, stream(), via())) },
    code: "bad-request",
  },
  {
    name: "content-modify to senders that are nobody",
    breaks: "§7.3 d",
    input: { when: "connected", jingle: (sid) => jingle("content-modify", sid, content({ ...ours, senders: "everyone" })) },
    code: "bad-request",
  },
  { name: "a terminate whose reason is empty", breaks: "§7.4", input: { when: "offered", jingle: (sid) => jingle("session-terminate", sid, reason()) }, code: "session-ended" },
  {
    name: "a terminate whose reason is text alone",
    breaks: "§7.4",
    input: { when: "offered", jingle: (sid) => jingle("session-terminate", sid, reason(xml("text", null, "because"))) },
    code: "session-ended",
  },
  {
    name: "a terminate whose reason is in another namespace",
    breaks: "§7.4",
    input: { when: "offered", jingle: (sid) => jingle("session-terminate", sid, reason(unknown("decline"))) },
    code: "session-ended",
  },
];

function sectionOf(action: string): string {
  const sections: Record<string, string> = {
    "session-initiate": "§6.2 b",
    "session-accept": "§7.2.8 a",
    "content-accept": "§7.2.1",
    "content-add": "§7.2.2",
    "content-modify": "§7.2.3",
    "content-reject": "§7.2.4",
    "content-remove": "§7.2.5",
    "description-info": "§7.2.6",
    "security-info": "§7.2.7",
    "transport-accept": "§7.2.12",
    "transport-info": "§7.2.13",
    "transport-reject": "§7.2.14",
    "transport-replace": "§7.2.15",
  };
  return sections[action] ?? action;
}

malformedTable("XEP-0166", { rules, rows, run });
