import { strangersAddresses } from "@balcony/jingle";
import { parseElement } from "@balcony/xml";
import { describe, expect, it } from "vitest";
import { attempts, connect, loopback } from "./pair.js";
import { untilHandshakesRanOut } from "./ran-out.js";

untilHandshakesRanOut();

const NS_DTLS = "urn:xmpp:jingle:apps:dtls:0";
const NS_SCTP = "urn:xmpp:jingle:transports:dtls-sctp:1";
const signal = new AbortController().signal;

describe("WebRTC as a Jingle transport", () => {
  it("carries bytes both ways, and says by which way", async () => {
    const { initiator, responder } = attempts();
    const [near, far] = await connect(initiator, responder);
    far.bytes.pipe(far.bytes);
    near.bytes.end("hello");
    expect(String(await near.bytes.toArray())).toBe("hello");
    for (const { path } of [near, far]) expect(path).toMatch(/^webrtc host (\d+\.\d+\.\d+\.\d+|\[[0-9a-f:]+\]):\d+$/);
  });

  it("offers what XEP-0343 asks for: both number and port, a fingerprint, actpass; and answers as active", async () => {
    const { initiator, responder } = attempts();
    const offer = await initiator.offer();
    const answer = await responder.answer(offer);
    expect(offer.getChild("sctpmap", NS_SCTP)?.attrs).toMatchObject({ number: "5000", port: "5000", protocol: "webrtc-datachannel" });
    expect(offer.getChild("fingerprint", NS_DTLS)?.attrs).toMatchObject({ hash: "sha-256", setup: "actpass" });
    expect(answer.getChild("fingerprint", NS_DTLS)?.attrs.setup).toBe("active");
    expect(offer.getChildText("fingerprint", NS_DTLS)).not.toBe(answer.getChildText("fingerprint", NS_DTLS));
    expect(offer.attrs.ufrag?.length).toBeGreaterThanOrEqual(8);
    expect(offer.attrs.pwd?.length).toBeGreaterThanOrEqual(32);
    expect(offer.getChildren("candidate").length).toBeGreaterThan(0);
    initiator.abort();
    responder.abort();
  });

  it("answers an active offer as passive, and connects", async () => {
    const { initiator, responder } = attempts();
    const offer = await initiator.offer();
    for (const fingerprint of offer.getChildren("fingerprint", NS_DTLS)) fingerprint.attrs.setup = "active";
    const answer = await responder.answer(offer);
    expect(answer.getChild("fingerprint", NS_DTLS)?.attrs.setup).toBe("passive");
    initiator.accepted(answer);
    const [near, far] = await Promise.all([initiator.connect(signal), responder.connect(signal)]);
    near.bytes.end("x");
    expect(String(await far.bytes.toArray())).toBe("x");
  });

  it("connects by candidates that come after the answer", async () => {
    const { initiator, responder } = attempts();
    const offer = await initiator.offer();
    const candidates = offer.getChildren("candidate");
    for (const candidate of candidates) offer.remove(candidate);
    const answer = await responder.answer(offer);
    for (const candidate of answer.getChildren("candidate")) answer.remove(candidate);
    initiator.accepted(answer);
    const connecting = Promise.all([initiator.connect(signal), responder.connect(signal)]);
    const info = parseElement(`<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='${offer.attrs.ufrag}' pwd='${offer.attrs.pwd}'/>`);
    info.append(...candidates);
    responder.info(info);
    const [near] = await connecting;
    near.bytes.destroy();
  });

  it("connects by candidates that come while the answer is being made", async () => {
    const { initiator, responder } = attempts();
    const offer = await initiator.offer();
    const candidates = offer.getChildren("candidate");
    for (const candidate of candidates) offer.remove(candidate);
    const info = parseElement(`<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='${offer.attrs.ufrag}' pwd='${offer.attrs.pwd}'/>`);
    info.append(...candidates);
    const answering = responder.answer(offer);
    responder.info(info);
    const answer = await answering;
    for (const candidate of answer.getChildren("candidate")) answer.remove(candidate);
    initiator.accepted(answer);
    const [near] = await Promise.all([initiator.connect(signal), responder.connect(signal)]);
    near.bytes.destroy();
  });

  it("offers nothing to a peer that may learn no address, where no TURN server is known", async () => {
    const { initiator, responder } = attempts({}, strangersAddresses);
    await expect(initiator.offer()).rejects.toMatchObject({ code: "webrtc-failed" });
    const known = attempts();
    await expect(responder.answer(await known.initiator.offer())).rejects.toMatchObject({ code: "webrtc-failed" });
    known.initiator.abort();
  });

  it("connects to no address that the policy refuses, and says which", async () => {
    const { initiator, responder } = attempts({}, { ...loopback, dangerouslyUseLoopback: false });
    const offer = await initiator.offer();
    offer.append(
      ...["127.0.0.1", "169.254.1.1", "224.0.0.1", "::1"].map((ip, index) =>
        parseElement(
          `<candidate xmlns='urn:xmpp:jingle:transports:ice-udp:1' component='1' foundation='9' generation='0' id='x${index}' ip='${ip}' port='22' priority='9' protocol='udp' type='host'/>`,
        ),
      ),
    );
    await responder.answer(offer);
    expect(responder.steps.filter((step) => step.includes("left out"))).toHaveLength(4);
    initiator.abort();
    responder.abort();
  });

  it("gives up at its deadline, and says what every pair came to", async () => {
    const { initiator, responder } = attempts({ timeout: 50 });
    const answer = await responder.answer(await initiator.offer());
    responder.abort();
    initiator.accepted(answer);
    await expect(initiator.connect(signal)).rejects.toMatchObject({ code: "timeout" });
    expect(initiator.steps.some((step) => step.includes("did not connect"))).toBe(true);
    initiator.abort();
  });

  it("does not connect to a peer with another certificate than was signalled", async () => {
    const { initiator, responder } = attempts({ timeout: 20_000 });
    const answer = await responder.answer(await initiator.offer());
    for (const fingerprint of answer.getChildren("fingerprint", NS_DTLS)) fingerprint.children = [Array(32).fill("AB").join(":")];
    initiator.accepted(answer);
    const [near, far] = await Promise.allSettled([initiator.connect(signal), responder.connect(AbortSignal.timeout(2_000))]);
    expect(near).toMatchObject({ status: "rejected", reason: { code: "webrtc-failed" } });
    expect(far.status === "rejected" ? far.reason : far.value.bytes).toBeDefined();
    if (far.status === "fulfilled") far.value.bytes.destroy();
    initiator.abort();
    responder.abort();
  });
});
