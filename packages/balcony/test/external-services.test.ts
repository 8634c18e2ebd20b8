import { memoryStanzaPair, stanzaError } from "@balcony/channel";
import { malformedTable } from "@balcony/test-kit";
import { type Element, parseElement, xml } from "@balcony/xml";
import { describe, expect, it } from "vitest";
import { ExternalServices, readService } from "../src/external-services.js";

const NS = "urn:xmpp:extdisco:2";
const now = Date.parse("2026-01-01T00:00:00Z");
const service = (attrs: string) => parseElement(`<service xmlns='${NS}' ${attrs}/>`);
const turn = "type='turn' host='turn.capulet.lit' port='3478' transport='udp' username='u' password='p'";

/** Juliet's channel, and her server that answers `answers`; whoever else there is may send her what it likes. */
function stage(answers: (payload: Element) => Element, clock = { now }) {
  const [juliet, server] = memoryStanzaPair({ a: "juliet@capulet.lit/balcony", b: "capulet.lit" });
  const asked: string[] = [];
  const errors: string[] = [];
  for (const name of ["services", "credentials"]) {
    server.onRequest({ type: "get", name, xmlns: NS }, ({ payload }) => {
      asked.push(payload.name);
      return answers(payload);
    });
  }
  return { services: new ExternalServices(juliet, { loopback: false, report: (error) => errors.push(error.code), now: () => clock.now }), asked, errors };
}

const listing = (...services: string[]) => parseElement(`<services xmlns='${NS}'>${services.map((attrs) => `<service ${attrs}/>`).join("")}</services>`);

describe("external services", () => {
  it("are read as XEP-0215's own example has them, and what is neither STUN nor TURN is left out", async () => {
    const { services } = stage(() =>
      listing(
        "host='stun.shakespeare.lit' port='9998' transport='udp' type='stun'",
        "host='relay.shakespeare.lit' password='jj929jkj5sadjfj93v3n' port='9999' transport='udp' type='turn' username='nb78932lkjlskjfdb7g8'",
        "host='192.0.2.1' port='8888' transport='tcp' type='stun'",
        "host='2001:db8::1' type='turns' transport='tcp' username='a' password='b'",
        "host='ftp.shakespeare.lit' port='20' transport='tcp' type='ftp' username='guest' password='guest'",
      ),
    );
    expect(await services.servers()).toEqual([
      { urls: "stun:stun.shakespeare.lit:9998" },
      { urls: "turn:relay.shakespeare.lit:9999?transport=udp", username: "nb78932lkjlskjfdb7g8", credential: "jj929jkj5sadjfj93v3n" },
      { urls: "stun:192.0.2.1:8888?transport=tcp" },
      { urls: "turns:[2001:db8::1]:5349?transport=tcp", username: "a", credential: "b" },
    ]);
  });

  it("are asked for once, and anew when their credentials have run out", async () => {
    const clock = { now };
    const { services, asked } = stage(() => listing(`${turn} expires='2026-01-01T00:01:00Z'`), clock);
    await Promise.all([services.servers(), services.servers()]);
    clock.now += 59_000;
    expect(await services.servers()).toHaveLength(1);
    expect(asked).toEqual(["services"]);
    clock.now += 1_000;
    expect(await services.servers()).toEqual([]); // the server still says the same, which is over
    expect(asked).toEqual(["services", "services"]);
  });

  it("that want credentials and bring none are asked for them", async () => {
    const { services, asked } = stage((payload) =>
      payload.name === "services" ? listing("type='turn' host='turn.capulet.lit' restricted='true'") : xml("credentials", { xmlns: NS }, service(turn)),
    );
    expect(await services.servers()).toEqual([{ urls: "turn:turn.capulet.lit:3478?transport=udp", username: "u", credential: "p" }]);
    expect(asked).toEqual(["services", "credentials"]);
  });

  it("are none where the server knows of none, and it is not asked again", async () => {
    const { services, asked } = stage(() => {
      throw stanzaError("service-unavailable");
    });
    expect([await services.servers(), await services.servers()]).toEqual([[], []]);
    expect(asked).toEqual(["services"]);
  });

  it("of a list without end are eight", async () => {
    const { services } = stage(() => listing(...Array.from({ length: 1000 }, (_, index) => `type='stun' host='s${index}.capulet.lit'`)));
    expect(await services.servers()).toHaveLength(8);
  });

  it("that are malformed are left out one by one, and told of", async () => {
    const { services, errors } = stage(() => listing("type='stun' host='127.0.0.1'", "type='stun' host='a b'", "type='stun' host='stun.capulet.lit'"));
    expect(await services.servers()).toEqual([{ urls: "stun:stun.capulet.lit:3478" }]);
    expect(errors.sort()).toEqual(["invalid-xml", "policy-violation"]);
  });
});

malformedTable<string>("XEP-0215", {
  rules: [
    { section: "XEP-0215 §3 a", text: "a service has a host, a name or an address" },
    { section: "XEP-0215 §3 b", text: "a port is from 1 to 65535" },
    { section: "XEP-0215 §3 c", text: "the transport is udp or tcp" },
    { section: "XEP-0215 §3 d", text: "expires is a time in UTC, and ahead" },
    { section: "XEP-0215 §3 e", text: "a relay has credentials" },
    { section: "docs/security.md", text: "a server names no host by which we would try ports of our own machine" },
  ],
  rows: [
    { name: "no host", breaks: "XEP-0215 §3 a", input: "type='stun'", code: "invalid-xml" },
    { name: "a host with a port", breaks: "XEP-0215 §3 a", input: "type='stun' host='capulet.lit:1'", code: "invalid-xml" },
    { name: "a host with a question mark", breaks: "XEP-0215 §3 a", input: "type='stun' host='capulet.lit?transport=tcp'", code: "invalid-xml" },
    { name: "a host of 254 characters", breaks: "XEP-0215 §3 a", input: `type='stun' host='${"a.".repeat(127)}'`, code: "invalid-xml" },
    { name: "an address in another notation", breaks: "XEP-0215 §3 a", input: "type='stun' host='0x7f.1'", code: "invalid-xml" },
    { name: "an address as one number", breaks: "XEP-0215 §3 a", input: "type='stun' host='2130706433'", code: "invalid-xml" },
    { name: "port 0", breaks: "XEP-0215 §3 b", input: "type='stun' host='capulet.lit' port='0'", code: "invalid-xml" },
    { name: "port 65536", breaks: "XEP-0215 §3 b", input: "type='stun' host='capulet.lit' port='65536'", code: "invalid-xml" },
    { name: "a port of letters", breaks: "XEP-0215 §3 b", input: "type='stun' host='capulet.lit' port='3e3'", code: "invalid-xml" },
    { name: "sctp", breaks: "XEP-0215 §3 c", input: "type='stun' host='capulet.lit' transport='sctp'", code: "invalid-xml" },
    { name: "a local time", breaks: "XEP-0215 §3 d", input: `${turn} expires='2027-01-01T00:00:00+01:00'`, code: "invalid-xml" },
    { name: "a month 13", breaks: "XEP-0215 §3 d", input: `${turn} expires='2027-13-01T00:00:00Z'`, code: "invalid-xml" },
    { name: "a time that is over", breaks: "XEP-0215 §3 d", input: `${turn} expires='2025-12-31T23:59:59Z'`, code: "invalid-xml" },
    { name: "no password", breaks: "XEP-0215 §3 e", input: "type='turn' host='capulet.lit' username='u'", code: "invalid-xml" },
    { name: "this very machine", breaks: "docs/security.md", input: "type='stun' host='127.0.0.1' port='22'", code: "policy-violation" },
    { name: "this very machine by IPv6", breaks: "docs/security.md", input: "type='stun' host='::ffff:127.0.0.1'", code: "policy-violation" },
    { name: "this very machine by name", breaks: "docs/security.md", input: "type='stun' host='x.localhost'", code: "policy-violation" },
    { name: "multicast", breaks: "docs/security.md", input: "type='stun' host='224.0.0.1'", code: "policy-violation" },
    { name: "a link-local address", breaks: "docs/security.md", input: "type='stun' host='169.254.169.254'", code: "policy-violation" },
  ],
  run: (attrs) => {
    try {
      readService(service(attrs), { loopback: false, now });
      return "accepted";
    } catch (error) {
      return (error as { code: string }).code;
    }
  },
});
