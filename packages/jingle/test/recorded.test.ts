import { type Element, parseElement, xml } from "@balcony/xml";
import { describe, expect, it } from "vitest";
import { readAction } from "../src/action.js";
import { codeOf, Meadow, network, settle, side, transport } from "./rig.js";

const NS_IBB = "urn:xmpp:jingle:transports:ibb:1";
const NS_XTLS = "urn:xmpp:jingle:security:xtls:0";
const NS_STREAM = "urn:xmpp:jingle:apps:xmlstream:0";
const NS_FILE = "urn:xmpp:jingle:apps:file-transfer:5";

// kaa.xmpp, the other implementation of XEP-0246 and 0247, its namespaces set to today's: kaa2m_a.txt
const kaaInitiate =
  '<iq from="alice@alpha.test/kaa" to="bob@alpha.test/kaa" type="set" id="jingle_3"><jingle xmlns="urn:xmpp:jingle:1" action="session-initiate" initiator="alice@alpha.test/kaa" sid="dl42hMPi"><content name="xmlstream" creator="initiator"><description xmlns="urn:xmpp:jingle:apps:xmlstream:0"/><transport xmlns="urn:xmpp:jingle:transports:ibb:1" sid="UmAxQjrj" stanza="iq" block-size="4096"/></content></jingle></iq>';
const kaaAccept =
  '<iq xmlns="jabber:client" lang="en" to="alice@alpha.test/kaa" type="set" id="jingle_3" from="bob@alpha.test/kaa"><jingle xmlns="urn:xmpp:jingle:1" action="session-accept" initiator="alice@alpha.test/kaa" sid="dl42hMPi"><content name="xmlstream" creator="initiator"><description xmlns="urn:xmpp:jingle:apps:xmlstream:0"/><transport xmlns="urn:xmpp:jingle:transports:ibb:1" sid="UmAxQjrj" stanza="iq" block-size="4096"/></content></jingle></iq>';
// The same with XTLS, kaam_a.txt: the answer's content has the wrong name, the security-info has neither name nor creator.
const kaaXtlsAccept =
  '<iq xmlns="jabber:client" lang="en" to="alice@alpha.test/kaa" type="set" id="jingle_3" from="bob@alpha.test/kaa"><jingle xmlns="urn:xmpp:jingle:1" action="session-accept" initiator="alice@alpha.test/kaa" sid="iCXyAtam"><content name="initiator" creator="initiator"><description xmlns="urn:xmpp:jingle:apps:xmlstream:0"/><transport xmlns="urn:xmpp:jingle:transports:ibb:1" sid="osy9xPhw" stanza="iq" block-size="4096"/><security xmlns="urn:xmpp:jingle:security:xtls:0"><fingerprint algo="sha1">94119d061fcdf37f46a9d754430d45c0f9901fbc</fingerprint><method name="x509"/><method name="srp"/></security></content></jingle></iq>';
const kaaSecurityInfo =
  '<iq from="alice@alpha.test/kaa" to="bob@alpha.test/kaa" type="set" id="jingle_4"><jingle xmlns="urn:xmpp:jingle:1" action="security-info" initiator="alice@alpha.test/kaa" sid="iCXyAtam"><content><security xmlns="urn:xmpp:jingle:security:xtls:0"><method name="x509"/></security></content></jingle></iq>';
// Gajim 1.7.3, gajim173_jingle_s5b_to_ibb.txt: the answer has other senders than the offer.
const gajimInitiate =
  '<iq xmlns="jabber:client" to="bob@beta.test/gajim" from="alice@alpha.test/gajim" type="set" id="49f6c25b-4939-480f-8c50-185255041ca0"><jingle xmlns="urn:xmpp:jingle:1" action="session-initiate" sid="92f38ad0-258c-46fc-9c23-dc40e4db63e0" initiator="alice@alpha.test/gajim"><content name="file0K2Y0OYV8YLSGUE2" creator="initiator" senders="initiator"><description xmlns="urn:xmpp:jingle:apps:file-transfer:5"><file><name>gjfile.bin</name><date>2026-01-01T00:00:00Z</date><size>50000</size><desc /></file></description><transport xmlns="urn:xmpp:jingle:transports:ibb:1" block-size="4096" sid="1c87449d-4a52-4665-8809-9f69dda6024f" /></content></jingle></iq>';
const gajimAccept =
  '<iq xmlns="jabber:client" from="bob@beta.test/gajim" id="eec30faa-0dfb-4dd9-a97b-52640507714f" type="set" xml:lang="en" to="alice@alpha.test/gajim"><jingle action="session-accept" initiator="alice@alpha.test/gajim" sid="92f38ad0-258c-46fc-9c23-dc40e4db63e0" xmlns="urn:xmpp:jingle:1"><content creator="initiator" senders="both" name="file0K2Y0OYV8YLSGUE2"><description xmlns="urn:xmpp:jingle:apps:file-transfer:5"><file><desc /></file></description><transport block-size="4096" sid="1c87449d-4a52-4665-8809-9f69dda6024f" xmlns="urn:xmpp:jingle:transports:ibb:1" /></content></jingle></iq>';

const alice = "alice@alpha.test/kaa";
const bob = "bob@alpha.test/kaa";

function jingleOf(stanza: Element): Element {
  const jingle = stanza.getChild("jingle");
  if (!jingle) throw new Error("no jingle");
  return jingle;
}

describe("recorded stanzas", () => {
  it.each([kaaInitiate, kaaAccept, kaaXtlsAccept, kaaSecurityInfo, gajimInitiate, gajimAccept])("are read: %s", (text) => {
    const action = readAction(jingleOf(parseElement(text)));
    expect(text).toContain(`action="${action.name}"`);
    expect(text).toContain(`sid="${action.sid}"`);
    expect(action.contents).toHaveLength(1);
  });
});

describe("kaa.xmpp", () => {
  it("offers a stream that is accepted", async () => {
    const net = network();
    const host = side(net, bob, [transport(NS_IBB, new Meadow(), "never")]);
    const peer = net.connect(alice);
    const seen: Element[] = [];
    peer.onRequest({ type: "set", name: "jingle", xmlns: "urn:xmpp:jingle:1" }, ({ payload }) => {
      seen.push(payload);
      return undefined;
    });
    await peer.request(parseElement(kaaInitiate));
    const [offer] = host.offers;
    expect(offer).toMatchObject({ peer: alice, sid: "dl42hMPi", transport: NS_IBB, senders: "both", security: undefined });
    const accepted = codeOf(offer?.accept({ application: xml("description", NS_STREAM) }) ?? Promise.resolve());
    await settle();
    expect(seen.map(({ attrs }) => attrs.action)).toEqual(["session-accept"]);
    await host.jingle.close();
    expect(await accepted).toBe("closed");
  });

  it("accepts a stream before it has acknowledged the offer, under another name, and then sends a bare security-info", async () => {
    const net = network();
    const host = side(net, alice, [transport(NS_IBB, new Meadow(), "never")]);
    const peer = net.connect(bob);
    const answers: string[] = [];
    peer.onRequest({ type: "set", name: "jingle", xmlns: "urn:xmpp:jingle:1" }, async ({ payload }) => {
      if (payload.attrs.action !== "session-initiate") return undefined;
      for (const recorded of [kaaXtlsAccept, kaaSecurityInfo]) {
        const iq = parseElement(recorded);
        iq.attrs = { to: alice, type: "set" };
        const jingle = jingleOf(iq);
        jingle.attrs.sid = payload.attrs.sid;
        const carrier = jingle.getChild("content")?.getChild("transport");
        if (carrier) carrier.attrs.sid = payload.getChild("content")?.getChild("transport")?.attrs.sid;
        answers.push(await codeOf(peer.request(iq)));
      }
      return undefined;
    });
    const steps: string[] = [];
    const mine = codeOf(
      host.jingle.initiate(bob, {
        application: xml("description", NS_STREAM),
        security: xml("security", NS_XTLS, xml("method", { name: "x509" })),
        progress: ({ step }) => steps.push(step),
      }),
    );
    await settle();
    expect(answers).toEqual(["resolved", "resolved"]);
    expect(steps).toEqual(["offered", `connecting by ${NS_IBB}`, "acknowledged by the peer"]);
    await host.jingle.close();
    expect(await mine).toBe("closed");
  });
});

describe("Gajim", () => {
  it("offers a file, whose direction is kept", async () => {
    const net = network();
    const host = side(net, "bob@beta.test/gajim", [transport(NS_IBB, new Meadow(), "never")]);
    await net.connect("alice@alpha.test/gajim").request(parseElement(gajimInitiate));
    expect(host.offers[0]).toMatchObject({ senders: "initiator", transport: NS_IBB });
    expect(host.offers[0]?.application.getNS()).toBe(NS_FILE);
    expect(host.offers[0]?.application.getChild("file")?.getChildText("name")).toBe("gjfile.bin");
    await host.jingle.close();
  });

  it('proposes a transport whose sid is "None", which is for the transport to judge', async () => {
    const replace = parseElement(
      `<jingle xmlns="urn:xmpp:jingle:1" action="transport-replace" sid="s"><content creator="initiator" name="file"><transport xmlns="${NS_IBB}" block-size="4096" sid="None"/></content></jingle>`,
    );
    expect(readAction(replace).contents[0]?.transport?.attrs.sid).toBe("None");
  });
});
