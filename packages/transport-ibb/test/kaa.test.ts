import { Buffer } from "node:buffer";
import { memoryStanzaNetwork, type StanzaRouter } from "@balcony/channel";
import { strangersAddresses } from "@balcony/jingle";
import { type Element, parseElement } from "@balcony/xml";
import { describe, expect, it } from "vitest";
import { ibb } from "../src/index.js";
import { bytestreamOf } from "./jingle-pair.js";

/*
 * kaa.xmpp (2008), the other implementation of end-to-end streams, as recorded in kaa2m_a.txt: what Alice sent to Bob and what he answered.
 * The `<transport/>` of session-initiate and session-accept, and the first blocks of either side. There is no <open/>.
 */
const alice = "alice@alpha.test/kaa";
const bob = "bob@alpha.test/kaa";
const transport = '<transport xmlns="urn:xmpp:jingle:transports:ibb:1" sid="UmAxQjrj" stanza="iq" block-size="4096"/>';
const fromAlice = [
  '<iq from="alice@alpha.test/kaa" to="bob@alpha.test/kaa" type="set" id="data_4"><data xmlns="http://jabber.org/protocol/ibb" seq="0" sid="UmAxQjrj">PD94bWwgdmVyc2lvbj0iMS4wIj8+CiAgICAgICAgICAgIDxzdHJlYW06c3RyZWFtIGZyb209ImFsaWNlQGFscGhhLnRlc3Qva2FhIiB0bz0iYm9iQGFscGhhLnRlc3Qva2FhIiB4bWxucz0iamFiYmVyOmNsaWVudCIKICAgICAgICAgICAgICAgeG1sbnM6c3RyZWFtPSJodHRwOi8vZXRoZXJ4LmphYmJlci5vcmcvc3RyZWFtcyIKICAgICAgICAgICAgICAgdmVyc2lvbj0iMS4wIj4=</data></iq>',
  '<iq from="alice@alpha.test/kaa" to="bob@alpha.test/kaa" type="set" id="data_5"><data xmlns="http://jabber.org/protocol/ibb" seq="1" sid="UmAxQjrj">PHN0YXJ0dGxzIHhtbG5zPSJ1cm46aWV0ZjpwYXJhbXM6eG1sOm5zOnhtcHAtdGxzIj48b2ZmZXIgeG1sbnM9InVybjp4bXBwOnRtcDpjMmN0bHMiPjxrZXlpbmZvIHhtbG5zPSJ1cm46eG1wcDp0bXA6cHVia2V5Ij48bmFtZT45NDU4YTJmNmY5NTBkODY2OGE1NGYxZTFlYWRjOGEwYWEyNDU5MGJmPC9uYW1lPjwva2V5aW5mbz48c3JwIHhtbG5zPSJ1cm46eG1wcDp0bXA6YzJjdGxzIi8+PC9vZmZlcj48L3N0YXJ0dGxzPg==</data></iq>',
  '<iq from="alice@alpha.test/kaa" to="bob@alpha.test/kaa" type="set" id="data_6"><data xmlns="http://jabber.org/protocol/ibb" seq="2" sid="UmAxQjrj">FgMCADEBAAAtAwJ8kN6aFBiKXyu6b+VnfAWtbqiox7Nl2oUBpy4f1I4iyAAABgA1AC8ABQEA</data></iq>',
  '<iq from="alice@alpha.test/kaa" to="bob@alpha.test/kaa" type="set" id="close_11"><close xmlns="http://jabber.org/protocol/ibb" sid="UmAxQjrj"/></iq>',
];
/** `lang` without its prefix is how the log shows what the server added. */
const fromBob = [
  '<iq xmlns="jabber:client" lang="en" to="alice@alpha.test/kaa" type="set" id="data_4" from="bob@alpha.test/kaa"><data xmlns="http://jabber.org/protocol/ibb" seq="0" sid="UmAxQjrj">PD94bWwgdmVyc2lvbj0iMS4wIj8+CiAgICAgICAgICAgIDxzdHJlYW06c3RyZWFtIGZyb209ImJvYkBhbHBoYS50ZXN0L2thYSIgaWQ9InN0cmVhbWlkIiB4bWxucz0iamFiYmVyOmNsaWVudCIKICAgICAgICAgICAgICAgIHhtbG5zOnN0cmVhbT0iaHR0cDovL2V0aGVyeC5qYWJiZXIub3JnL3N0cmVhbXMiCiAgICAgICAgICAgICAgICB2ZXJzaW9uPSIxLjAiPjxzdHJlYW06ZmVhdHVyZXM+PHN0YXJ0dGxzIHhtbG5zPSJ1cm46aWV0ZjpwYXJhbXM6eG1sOm5zOnhtcHAtdGxzIj48cmVxdWlyZWQvPjxvZmZlciB4bWxucz0idXJuOnhtcHA6dG1wOmMyY3RscyI+PGtleWluZm8geG1sbnM9InVybjp4bXBwOnRtcDpwdWJrZXkiPjxuYW1lPjk0MTE5ZDA2MWZjZGYzN2Y0NmE5ZDc1NDQzMGQ0NWMwZjk5MDFmYmM8L25hbWU+PC9rZXlpbmZvPjxzcnAgeG1sbnM9InVybjp4bXBwOnRtcDpjMmN0bHMiLz48L29mZmVyPjwvc3RhcnR0bHM+PC9zdHJlYW06ZmVhdHVyZXM+</data></iq>',
  '<iq xmlns="jabber:client" lang="en" to="alice@alpha.test/kaa" type="set" id="data_5" from="bob@alpha.test/kaa"><data xmlns="http://jabber.org/protocol/ibb" seq="1" sid="UmAxQjrj">PHByb2NlZWQgeG1sbnM9InVybjppZXRmOnBhcmFtczp4bWw6bnM6eG1wcC10bHMiPjxvZmZlciB4bWxucz0idXJuOnhtcHA6dG1wOmMyY3RscyI+PGtleWluZm8geG1sbnM9InVybjp4bXBwOnRtcDpwdWJrZXkiPjxuYW1lPjk0MTE5ZDA2MWZjZGYzN2Y0NmE5ZDc1NDQzMGQ0NWMwZjk5MDFmYmM8L25hbWU+PC9rZXlpbmZvPjwvb2ZmZXI+PC9wcm9jZWVkPg==</data></iq>',
];

/** Sends an element as it was recorded, and gives back what answers it. */
function replay(network: ReturnType<typeof memoryStanzaNetwork>, recorded: string): Promise<Element> {
  const stanza = parseElement(recorded);
  return new Promise((resolve) => {
    const stop = network.tap((passing) => {
      if (passing.attrs.id !== stanza.attrs.id || passing.attrs.type === "set") return passing;
      stop();
      resolve(passing);
      return undefined;
    });
    network.inject(stanza);
  });
}

const attempt = (channel: StanzaRouter, peer: string, role: "initiator" | "responder") =>
  ibb().attempt({ channel: channel.to(peer), role, sid: "dl42hMPi", addresses: strangersAddresses, sendInfo: () => Promise.resolve(), progress: () => undefined });

describe("kaa.xmpp, recorded", () => {
  it("opens without <open/>, sends a header, STARTTLS and a ClientHello, and closes", async () => {
    const network = memoryStanzaNetwork();
    const us = attempt(network.connect(bob), alice, "responder");
    const answer = await us.answer(parseElement(transport));
    expect(answer.attrs).toMatchObject({ sid: "UmAxQjrj", "block-size": "4096", stanza: "iq" });
    const connected = us.connect(new AbortController().signal);
    for (const block of fromAlice.slice(0, 3)) expect((await replay(network, block)).attrs.type).toBe("result");
    const bytestream = bytestreamOf(await connected);
    const read = bytestream.toArray();
    expect((await replay(network, fromAlice[3] ?? "")).attrs.type).toBe("result");
    const bytes = Buffer.concat(await read);
    expect(bytes.subarray(0, 21).toString()).toBe('<?xml version="1.0"?>');
    expect(bytes.includes('<starttls xmlns="urn:ietf:params:xml:ns:xmpp-tls"><offer xmlns="urn:xmpp:tmp:c2ctls">')).toBe(true);
    expect(bytes.subarray(-54, -49)).toEqual(Buffer.from([0x16, 0x03, 0x02, 0x00, 0x31])); // a TLS 1.1 record: handshake, 49 bytes
  });

  it("answers, as responder, before it was opened", async () => {
    const network = memoryStanzaNetwork();
    const us = attempt(network.connect(alice), bob, "initiator");
    const offer = await us.offer();
    us.accepted(parseElement(transport.replace("UmAxQjrj", offer.attrs.sid ?? "")));
    for (const block of fromBob) expect((await replay(network, block.replace("UmAxQjrj", offer.attrs.sid ?? ""))).attrs.type).toBe("result");
    us.abort();
  });
});
