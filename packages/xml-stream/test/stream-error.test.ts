import { BalconyError } from "@balcony/channel";
import { parseElement } from "@balcony/xml";
import { describe, expect, it } from "vitest";
import { streamConditions } from "../src/index.js";
import { lastWords, readStreamError, streamError } from "../src/stream-error.js";
import { endOf, openedByHand } from "./opened.js";

const ns = "xmlns='urn:ietf:params:xml:ns:xmpp-streams'";

describe("stream errors of the peer", () => {
  it.each(streamConditions)("%s ends the stream with its condition, answered by a closing tag alone", async (condition) => {
    const { stream, far } = await openedByHand();
    far.say(`<stream:error><${condition} ${ns}/></stream:error></stream:stream>`);
    expect(await endOf(stream)).toBe("stream-error");
    expect(stream.closed.reason.condition).toBe(condition);
    await stream.close();
    await far.closed();
    expect(far.heard).toBe("</stream:stream>");
  });

  it("see-other-host is not followed: where it points is told to nobody", async () => {
    const { stream, far } = await openedByHand();
    far.say(`<stream:error><see-other-host ${ns}>evil.example:5222</see-other-host></stream:error>`);
    expect(await endOf(stream)).toBe("stream-error");
    expect(stream.closed.reason.message).not.toContain("evil");
    await stream.close();
    await far.closed();
  });

  it.each([
    ["nothing", ""],
    ["text alone", `<text ${ns}>why</text>`],
    ["a condition of nobody's", `<coffee-break ${ns}/>`],
    ["a condition in another namespace", "<conflict xmlns='jabber:client'/>"],
  ])("%s counts as undefined-condition", (_, content) => {
    const error = readStreamError(parseElement(`<stream:error xmlns:stream='http://etherx.jabber.org/streams'>${content}</stream:error>`));
    expect(error).toMatchObject({ code: "stream-error", condition: "undefined-condition" });
  });

  it("text is told, without what could overwrite a terminal or turn it around, and not at any length", () => {
    const text = `gone\u001b[2J\u202e\u0085\u200b${"x".repeat(1000)}`;
    const error = readStreamError(
      Object.assign(parseElement(`<stream:error xmlns:stream='http://etherx.jabber.org/streams'><reset ${ns}/><text ${ns}/></stream:error>`), {
        getChildText: () => text,
      }),
    );
    expect(error.message).toMatch(/^The peer ended the stream with reset: gone\[2Jx{193}$/);
  });
});

describe("stream errors of ours", () => {
  it.each(streamConditions)("%s, where it is a code, goes out under its own name", (condition) => {
    const error = new BalconyError("invalid-xml", "x", { condition });
    expect(lastWords(error)).toBe(`<stream:error><${condition} xmlns="urn:ietf:params:xml:ns:xmpp-streams"/></stream:error></stream:stream>`);
  });

  it.each([
    ["bad-format", "bad-format"],
    ["bad-namespace-prefix", "bad-namespace-prefix"],
    ["improper-addressing", "improper-addressing"],
    ["internal", "internal-server-error"],
    ["invalid-from", "invalid-from"],
    ["invalid-namespace", "invalid-namespace"],
    ["invalid-xml", "invalid-xml"],
    ["not-authorized", "not-authorized"],
    ["not-well-formed", "not-well-formed"],
    ["peer-dead", "connection-timeout"],
    ["policy-violation", "policy-violation"],
    ["resource-constraint", "resource-constraint"],
    ["restricted-xml", "restricted-xml"],
    ["starttls-injection", "policy-violation"],
    ["starttls-missing", "policy-violation"],
    ["timeout", "connection-timeout"],
    ["unsupported-encoding", "unsupported-encoding"],
    ["unsupported-feature", "unsupported-feature"],
    ["unsupported-stanza-type", "unsupported-stanza-type"],
    ["unsupported-version", "unsupported-version"],
    ["ibb-lost", "undefined-condition"],
  ] as const)("%s is told as %s", (code, condition) => {
    expect(streamError(code, "x").condition).toBe(condition);
    expect(lastWords(new BalconyError(code, "x"))).toContain(`<${condition} `);
  });

  it.each(["aborted", "closed", "connection-lost", "starttls-refused", "stream-error", "truncated"] as const)("%s is no complaint: the closing tag is all", (code) => {
    expect(streamError(code, "x").condition).toBeUndefined();
    expect(lastWords(streamError(code, "x"))).toBe("</stream:stream>");
  });

  it("say nothing that the peer does not know: the message stays here", async () => {
    const { stream, far } = await openedByHand();
    far.say("<message from='tybalt@capulet.lit'/>");
    expect(await endOf(stream)).toBe("invalid-from");
    await stream.close();
    await far.closed();
    expect(far.heard).toBe(`<stream:error><invalid-from xmlns="urn:ietf:params:xml:ns:xmpp-streams"/></stream:error></stream:stream>`);
  });

  it("in the middle of a stanza that is going out are not said at all", async () => {
    const { stream, far } = await openedByHand();
    far.bytes.pause();
    stream.send(parseElement(`<message><body>${"x".repeat(200_000)}</body></message>`)).catch(() => undefined);
    await new Promise((resolve) => setImmediate(resolve));
    far.say("<message from='tybalt@capulet.lit'/>");
    expect(await endOf(stream)).toBe("invalid-from");
    far.bytes.resume();
    await stream.close();
    await far.closed();
    expect(far.heard.startsWith("<message><body>xxx")).toBe(true);
    expect(far.heard.endsWith("x")).toBe(true); // cut off, and seen to be
  });
});
