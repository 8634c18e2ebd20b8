import { BalconyError } from "@balcony/channel";
import { malformedTable } from "@balcony/test-kit";
import { parseElement } from "@balcony/xml";
import { expect } from "vitest";
import { ibb } from "../src/index.js";
import { jinglePair } from "./jingle-pair.js";

/** A `<transport/>` as it comes in each of its places. `%` stands for the sid that we offered. */
interface Input {
  readonly place: "offer" | "answer" | "info";
  readonly attrs: string;
}

malformedTable<Input>("XEP-0261", {
  rules: [
    { section: "XEP-0261 §2.2 a", text: "the answer names the sid that was offered" },
    { section: "XEP-0261 §2.2 b", text: "the answer's block-size is that of the offer or smaller" },
    { section: "XEP-0261 §2.2 c", text: "stanza is iq or message, and iq by default" },
    { section: "XEP-0261 §2.4", text: "further sessions are authorised by transport-info: we have one" },
    { section: "XEP-0261 §9 a", text: "block-size is required, and a number" },
    { section: "XEP-0261 §9 b", text: "sid is required, and fit for <open/>" },
  ],
  rows: [
    { name: "another sid", breaks: "XEP-0261 §2.2 a", input: { place: "answer", attrs: "sid='other' block-size='4096'" }, code: "bad-request" },
    { name: "larger blocks", breaks: "XEP-0261 §2.2 b", input: { place: "answer", attrs: "sid='%' block-size='4097'" }, code: "bad-request" },
    { name: "messages in answer to IQs", breaks: "XEP-0261 §2.2 c", input: { place: "answer", attrs: "sid='%' block-size='4096' stanza='message'" }, code: "bad-request" },
    { name: "presence in an offer", breaks: "XEP-0261 §2.2 c", input: { place: "offer", attrs: "sid='s' block-size='4096' stanza='presence'" }, code: "bad-request" },
    { name: "presence in an answer", breaks: "XEP-0261 §2.2 c", input: { place: "answer", attrs: "sid='%' block-size='4096' stanza='presence'" }, code: "bad-request" },
    { name: "one more session", breaks: "XEP-0261 §2.4", input: { place: "info", attrs: "sid='bt8a71h6' block-size='2048'" }, code: "feature-not-implemented" },
    { name: "one more session, malformed", breaks: ["XEP-0261 §2.4", "XEP-0261 §9 a"], input: { place: "info", attrs: "sid='bt8a71h6'" }, code: "bad-request" },
    { name: "an offer without block-size", breaks: "XEP-0261 §9 a", input: { place: "offer", attrs: "sid='s'" }, code: "bad-request" },
    { name: "an answer without block-size", breaks: "XEP-0261 §9 a", input: { place: "answer", attrs: "sid='%'" }, code: "bad-request" },
    { name: "an offer of no bytes", breaks: "XEP-0261 §9 a", input: { place: "offer", attrs: "sid='s' block-size='0'" }, code: "bad-request" },
    { name: "an answer of no bytes", breaks: "XEP-0261 §9 a", input: { place: "answer", attrs: "sid='%' block-size='0'" }, code: "bad-request" },
    { name: "a negative offer", breaks: "XEP-0261 §9 a", input: { place: "offer", attrs: "sid='s' block-size='-4096'" }, code: "bad-request" },
    { name: "an offer of 65536 bytes", breaks: "XEP-0261 §9 a", input: { place: "offer", attrs: "sid='s' block-size='65536'" }, code: "bad-request" },
    { name: "an offer with a unit", breaks: "XEP-0261 §9 a", input: { place: "offer", attrs: "sid='s' block-size='4096B'" }, code: "bad-request" },
    { name: "an offer without sid", breaks: "XEP-0261 §9 b", input: { place: "offer", attrs: "block-size='4096'" }, code: "bad-request" },
    { name: "an answer without sid", breaks: "XEP-0261 §9 b", input: { place: "answer", attrs: "block-size='4096'" }, code: "bad-request" },
    { name: "a sid that is no NMTOKEN", breaks: "XEP-0261 §9 b", input: { place: "offer", attrs: "sid='a b' block-size='4096'" }, code: "bad-request" },
  ],
  run: async ({ place, attrs }) => {
    const { initiator, responder } = jinglePair();
    const ours = await initiator.offer();
    const theirs = parseElement(`<transport xmlns='urn:xmpp:jingle:transports:ibb:1' ${attrs.replace("%", ours.attrs.sid ?? "")}/>`);
    try {
      if (place === "offer") {
        expect(() => ibb().check?.(theirs)).toThrow(expect.objectContaining({ code: "stanza-error" }));
        await responder.answer(theirs);
      }
      if (place === "answer") initiator.accepted(theirs);
      if (place === "info") initiator.info(theirs);
      return "accepted";
    } catch (error) {
      return error instanceof BalconyError ? (error.stanza?.condition ?? error.code) : String(error);
    } finally {
      initiator.abort();
      responder.abort();
    }
  },
});
