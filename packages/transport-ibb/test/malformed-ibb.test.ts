import { BalconyError, memoryStanzaPair } from "@balcony/channel";
import { malformedTable } from "@balcony/test-kit";
import { parseElement, xml } from "@balcony/xml";
import { acceptBytestreams, type InBandBytestream } from "../src/index.js";
import { juliet, romeo } from "./pair.js";

/** What the peer sends, one IQ after another; the last one breaks the rule, and gets this answer. */
interface Input {
  readonly sent: readonly string[];
  readonly answer: string;
  /** As messages instead of IQs, behind an `<open/>` for that. */
  readonly asMessages?: true;
}

const ibb = "xmlns='http://jabber.org/protocol/ibb'";
const open = `<open ${ibb} sid='s1' block-size='8'/>`;
const openForMessages = `<open ${ibb} sid='s1' block-size='8' stanza='message'/>`;
const data = (seq: number | string, text: string): string => `<data ${ibb} sid='s1' seq='${seq}'>${text}</data>`;
const close = `<close ${ibb} sid='s1'/>`;
/** Three bytes. */
const ok = "QUJD";

malformedTable<Input>("XEP-0047", {
  rules: [
    { section: "XEP-0047 §2.1 a", text: "block-size is REQUIRED" },
    { section: "XEP-0047 §2.1 b", text: "block-size MUST NOT be greater than 65535" },
    { section: "XEP-0047 §2.1 c", text: "sid is REQUIRED and MUST match NMTOKEN" },
    { section: "XEP-0047 §2.1 d", text: "stanza is iq or message" },
    { section: "XEP-0047 §2.1 e", text: "a block-size that is too large is answered resource-constraint" },
    { section: "XEP-0047 §2.1 f", text: "a bytestream that is not wanted is answered not-acceptable; the sid is unique" },
    { section: "XEP-0047 §2.2 a", text: "a block MUST NOT be larger than block-size, before base64" },
    { section: "XEP-0047 §2.2 b", text: "each block MUST be valid base64 with padding at the end if needed" },
    { section: "XEP-0047 §2.2 c", text: "data MUST possess a seq, a 16-bit unsigned integer" },
    { section: "XEP-0047 §2.2 d", text: "seq starts at 0 and MUST be incremented; at the maximum it MUST start again" },
    { section: "XEP-0047 §2.2 e", text: "data MUST possess a sid" },
    { section: "XEP-0047 §2.2 f", text: "an unknown sid is answered item-not-found" },
    { section: "XEP-0047 §2.2 g", text: "a seq already used is answered unexpected-request" },
    { section: "XEP-0047 §2.2 h", text: "a packet out of sequence, and any that follow, MUST NOT be processed" },
    { section: "XEP-0047 §2.3 a", text: "the close of an unknown bytestream is answered item-not-found" },
    { section: "XEP-0047 §2.3 b", text: "after the close both parties MUST consider the bytestream closed" },
    { section: "XEP-0047 §3", text: "each sender MUST initialise seq to zero and increment it by one" },
    { section: "XEP-0047 §4", text: "blocks in messages keep the same rules" },
    { section: "XEP-0047 §6 a", text: "characters outside the alphabet MUST be rejected, not ignored" },
    { section: "XEP-0047 §6 b", text: "a pad character anywhere but at the end MUST be rejected" },
    { section: "XEP-0047 §6 c", text: "base64 MUST follow RFC 4648 §4" },
    { section: "XEP-0047 §9", text: "the schema: data holds text alone" },
  ],
  rows: [
    { name: "no block-size", breaks: "XEP-0047 §2.1 a", input: { sent: [`<open ${ibb} sid='s1'/>`], answer: "bad-request" }, code: "bad-request" },
    { name: "block-size 0", breaks: "XEP-0047 §2.1 a", input: { sent: [`<open ${ibb} sid='s1' block-size='0'/>`], answer: "bad-request" }, code: "bad-request" },
    { name: "a negative block-size", breaks: "XEP-0047 §2.1 a", input: { sent: [`<open ${ibb} sid='s1' block-size='-1'/>`], answer: "bad-request" }, code: "bad-request" },
    { name: "a block-size in words", breaks: "XEP-0047 §2.1 a", input: { sent: [`<open ${ibb} sid='s1' block-size='many'/>`], answer: "bad-request" }, code: "bad-request" },
    { name: "a block-size in hexadecimal", breaks: "XEP-0047 §2.1 a", input: { sent: [`<open ${ibb} sid='s1' block-size='0x10'/>`], answer: "bad-request" }, code: "bad-request" },
    { name: "block-size 65536", breaks: "XEP-0047 §2.1 b", input: { sent: [`<open ${ibb} sid='s1' block-size='65536'/>`], answer: "bad-request" }, code: "bad-request" },
    { name: "block-size 2³² + 8", breaks: "XEP-0047 §2.1 b", input: { sent: [`<open ${ibb} sid='s1' block-size='4294967304'/>`], answer: "bad-request" }, code: "bad-request" },
    { name: "no sid", breaks: "XEP-0047 §2.1 c", input: { sent: [`<open ${ibb} block-size='8'/>`], answer: "bad-request" }, code: "bad-request" },
    { name: "an empty sid", breaks: "XEP-0047 §2.1 c", input: { sent: [`<open ${ibb} sid='' block-size='8'/>`], answer: "bad-request" }, code: "bad-request" },
    { name: "a sid with white space", breaks: "XEP-0047 §2.1 c", input: { sent: [`<open ${ibb} sid='s 1' block-size='8'/>`], answer: "bad-request" }, code: "bad-request" },
    { name: "a sid with a slash", breaks: "XEP-0047 §2.1 c", input: { sent: [`<open ${ibb} sid='a/b' block-size='8'/>`], answer: "bad-request" }, code: "bad-request" },
    {
      name: "presence as stanza",
      breaks: "XEP-0047 §2.1 d",
      input: { sent: [`<open ${ibb} sid='s1' block-size='8' stanza='presence'/>`], answer: "bad-request" },
      code: "bad-request",
    },
    { name: "an empty stanza", breaks: "XEP-0047 §2.1 d", input: { sent: [`<open ${ibb} sid='s1' block-size='8' stanza=''/>`], answer: "bad-request" }, code: "bad-request" },
    {
      name: "larger blocks than we take",
      breaks: "XEP-0047 §2.1 e",
      input: { sent: [`<open ${ibb} sid='s1' block-size='33'/>`], answer: "resource-constraint" },
      code: "resource-constraint",
    },
    { name: "an <open/> for what is open", breaks: "XEP-0047 §2.1 f", input: { sent: [open, open], answer: "not-acceptable" }, code: "not-acceptable" },
    {
      name: "one bytestream more than we take",
      breaks: "XEP-0047 §2.1 f",
      input: { sent: [open, open.replace("s1", "s2"), open.replace("s1", "s3")], answer: "not-acceptable" },
      code: "not-acceptable",
    },

    { name: "nine bytes where eight were agreed", breaks: "XEP-0047 §2.2 a", input: { sent: [open, data(0, "QUJDREVGR0hJ")], answer: "bad-request" }, code: "ibb-block-size" },
    { name: "too large in a later block", breaks: "XEP-0047 §2.2 a", input: { sent: [open, data(0, ok), data(1, "QUJDREVGR0hJ")], answer: "bad-request" }, code: "ibb-block-size" },
    { name: "no padding", breaks: "XEP-0047 §2.2 b", input: { sent: [open, data(0, "QUI")], answer: "bad-request" }, code: "ibb-base64" },
    { name: "half the padding", breaks: "XEP-0047 §2.2 b", input: { sent: [open, data(0, "QQ=")], answer: "bad-request" }, code: "ibb-base64" },
    { name: "too much padding", breaks: "XEP-0047 §2.2 b", input: { sent: [open, data(0, "QUI==")], answer: "bad-request" }, code: "ibb-base64" },
    { name: "one character", breaks: "XEP-0047 §2.2 b", input: { sent: [open, data(0, "Q")], answer: "bad-request" }, code: "ibb-base64" },
    { name: "padding alone", breaks: "XEP-0047 §2.2 b", input: { sent: [open, data(0, "====")], answer: "bad-request" }, code: "ibb-base64" },
    { name: "no seq", breaks: "XEP-0047 §2.2 c", input: { sent: [open, `<data ${ibb} sid='s1'>${ok}</data>`], answer: "bad-request" }, code: "ibb-sequence" },
    { name: "an empty seq", breaks: "XEP-0047 §2.2 c", input: { sent: [open, data("", ok)], answer: "bad-request" }, code: "ibb-sequence" },
    { name: "a negative seq", breaks: "XEP-0047 §2.2 c", input: { sent: [open, data(-1, ok)], answer: "bad-request" }, code: "ibb-sequence" },
    { name: "seq 65536 for 0", breaks: "XEP-0047 §2.2 c", input: { sent: [open, data(65_536, ok)], answer: "bad-request" }, code: "ibb-sequence" },
    { name: "a seq with a fraction", breaks: "XEP-0047 §2.2 c", input: { sent: [open, data("0.0", ok)], answer: "bad-request" }, code: "ibb-sequence" },
    { name: "the first block has seq 1", breaks: ["XEP-0047 §2.2 d", "XEP-0047 §3"], input: { sent: [open, data(1, ok)], answer: "unexpected-request" }, code: "ibb-sequence" },
    {
      name: "a block is missing",
      breaks: ["XEP-0047 §2.2 d", "XEP-0047 §2.2 h"],
      input: { sent: [open, data(0, ok), data(2, ok)], answer: "unexpected-request" },
      code: "ibb-sequence",
    },
    { name: "a block comes twice", breaks: "XEP-0047 §2.2 g", input: { sent: [open, data(0, ok), data(0, ok)], answer: "unexpected-request" }, code: "ibb-sequence" },
    {
      name: "an earlier block comes again",
      breaks: "XEP-0047 §2.2 g",
      input: { sent: [open, data(0, ok), data(1, ok), data(0, ok)], answer: "unexpected-request" },
      code: "ibb-sequence",
    },
    {
      name: "the missing block comes late",
      breaks: "XEP-0047 §2.2 h",
      input: { sent: [open, data(0, ok), data(2, ok), data(1, ok)], answer: "item-not-found" },
      code: "ibb-sequence",
    },
    { name: "no sid on a block", breaks: "XEP-0047 §2.2 e", input: { sent: [open, `<data ${ibb} seq='0'>${ok}</data>`], answer: "bad-request" }, code: "bad-request" },
    { name: "an impossible sid on a block", breaks: "XEP-0047 §2.2 e", input: { sent: [open, data(0, ok).replace("s1", "s 1")], answer: "bad-request" }, code: "bad-request" },
    { name: "a sid that nobody has", breaks: "XEP-0047 §2.2 f", input: { sent: [open, data(0, ok).replace("s1", "s2")], answer: "item-not-found" }, code: "item-not-found" },
    { name: "a sid in other case", breaks: "XEP-0047 §2.2 f", input: { sent: [open, data(0, ok).replace("s1", "S1")], answer: "item-not-found" }, code: "item-not-found" },
    { name: "a block before any <open/>", breaks: "XEP-0047 §2.2 f", input: { sent: [data(0, ok)], answer: "item-not-found" }, code: "item-not-found" },

    { name: "a close of what nobody has", breaks: "XEP-0047 §2.3 a", input: { sent: [open, close.replace("s1", "s2")], answer: "item-not-found" }, code: "item-not-found" },
    { name: "a close without sid", breaks: "XEP-0047 §2.3 a", input: { sent: [open, `<close ${ibb}/>`], answer: "bad-request" }, code: "bad-request" },
    { name: "a close before any <open/>", breaks: "XEP-0047 §2.3 a", input: { sent: [close], answer: "item-not-found" }, code: "item-not-found" },
    { name: "a second close", breaks: "XEP-0047 §2.3 b", input: { sent: [open, close, close], answer: "item-not-found" }, code: "item-not-found" },
    { name: "a block behind the close", breaks: "XEP-0047 §2.3 b", input: { sent: [open, close, data(0, ok)], answer: "item-not-found" }, code: "item-not-found" },

    { name: "a message that is no base64", breaks: "XEP-0047 §4", input: { sent: [openForMessages, data(0, "QQ")], asMessages: true, answer: "none" }, code: "ibb-base64" },
    { name: "a message too large", breaks: "XEP-0047 §4", input: { sent: [openForMessages, data(0, "QUJDREVGR0hJ")], asMessages: true, answer: "none" }, code: "ibb-block-size" },
    { name: "a message missing", breaks: "XEP-0047 §4", input: { sent: [openForMessages, data(1, ok)], asMessages: true, answer: "none" }, code: "ibb-sequence" },
    { name: "a message twice", breaks: "XEP-0047 §4", input: { sent: [openForMessages, data(0, ok), data(0, ok)], asMessages: true, answer: "none" }, code: "ibb-sequence" },

    { name: "a space", breaks: "XEP-0047 §6 a", input: { sent: [open, data(0, "QUJD REVG")], answer: "bad-request" }, code: "ibb-base64" },
    { name: "a line break", breaks: "XEP-0047 §6 a", input: { sent: [open, data(0, "QUJD\nREVG")], answer: "bad-request" }, code: "ibb-base64" },
    { name: "white space around", breaks: "XEP-0047 §6 a", input: { sent: [open, data(0, "\n    QUJD\n  ")], answer: "bad-request" }, code: "ibb-base64" },
    { name: "a character outside the alphabet", breaks: "XEP-0047 §6 a", input: { sent: [open, data(0, "QU!D")], answer: "bad-request" }, code: "ibb-base64" },
    { name: "a letter beyond ASCII", breaks: "XEP-0047 §6 a", input: { sent: [open, data(0, "QUÄD")], answer: "bad-request" }, code: "ibb-base64" },
    { name: "the alphabet of URLs", breaks: "XEP-0047 §6 c", input: { sent: [open, data(0, "-_-_")], answer: "bad-request" }, code: "ibb-base64" },
    { name: "a pad at the head", breaks: "XEP-0047 §6 b", input: { sent: [open, data(0, "=AAA")], answer: "bad-request" }, code: "ibb-base64" },
    { name: "a pad in the middle", breaks: "XEP-0047 §6 b", input: { sent: [open, data(0, "BBBB=CCC")], answer: "bad-request" }, code: "ibb-base64" },
    { name: "two encodings behind each other", breaks: "XEP-0047 §6 b", input: { sent: [open, data(0, "QQ==QQ==")], answer: "bad-request" }, code: "ibb-base64" },
    { name: "bits behind the last byte (RFC 4648 §3.5)", breaks: "XEP-0047 §6 c", input: { sent: [open, data(0, "QR==")], answer: "bad-request" }, code: "ibb-base64" },
    { name: "an element in the text", breaks: "XEP-0047 §9", input: { sent: [open, data(0, `${ok}<x/>`)], answer: "bad-request" }, code: "ibb-base64" },
    { name: "an element instead of text", breaks: "XEP-0047 §9", input: { sent: [open, data(0, `<data>${ok}</data>`)], answer: "bad-request" }, code: "ibb-base64" },
  ],
  run: async ({ sent, answer, asMessages }) => {
    const [peer, channel] = memoryStanzaPair({ a: juliet, b: romeo });
    const bytestreams: InBandBytestream[] = [];
    acceptBytestreams(channel, { from: () => true, blockSize: 32, bytestreams: 2 }, (bytestream) => bytestreams.push(bytestream.on("error", () => undefined).resume()));
    let answered = "none";
    for (const [index, stanza] of sent.entries()) {
      const element = parseElement(stanza);
      if (asMessages && index > 0) await peer.send(xml("message", {}, element));
      else answered = await peer.request(xml("iq", { type: "set" }, element)).then(() => "none", conditionOf);
    }
    await peer.request(xml("iq", { type: "get" }, xml("query", "a barrier behind all of it"))).catch(() => undefined);
    const errors = bytestreams.map(({ errored }) => errored).filter((error) => error !== null);
    await channel.close();
    if (answered !== answer) return `answered ${answered}`;
    const error = errors[0];
    return error instanceof BalconyError ? error.code : answered;
  },
});

function conditionOf(error: unknown): string {
  return error instanceof BalconyError ? (error.stanza?.condition ?? error.code) : String(error);
}
