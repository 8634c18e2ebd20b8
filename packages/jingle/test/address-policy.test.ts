import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addressKind, addressRefusal, type TransportContext } from "../src/index.js";
import { codeOf, juliet, Meadow, NS_ONE, network, romeo, settle, side, stream, transport } from "./rig.js";

const kinds: Readonly<Record<string, readonly string[]>> = {
  public: ["8.8.8.8", "192.0.1.1", "172.32.0.1", "2606:4700::1", "64:ff9b::808:808", "2002:808:808::1", "::ffff:8.8.8.8"],
  private: [
    "10.0.0.1",
    "172.16.0.1",
    "192.168.4.1",
    "100.64.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "240.0.0.1",
    "fd00::1",
    "fec0::1",
    "2001:db8::1",
    "::ffff:10.0.0.1",
    "64:ff9b::a00:1",
  ],
  loopback: ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "::ffff:0:7f00:1"],
  "link-local": ["169.254.169.254", "fe80::1", "fe80::1%eth0", "::ffff:169.254.1.1"],
  special: ["0.0.0.0", "0.1.2.3", "255.255.255.255", "224.0.0.1", "::", "ff02::1", "100::1", "2001:0:1::1"],
};

describe("an address", () => {
  it.each(Object.entries(kinds).flatMap(([kind, addresses]) => addresses.map((address) => [address, kind] as const)))("%s is %s", (address, kind) => {
    expect(addressKind(address)).toBe(kind);
  });

  it("a local NAT64 prefix tells nothing of where packets end up", () => {
    expect(addressKind("64:ff9b:1:7f00:1:800:808:808")).toBe("private");
  });

  it.each(["", "localhost", "0x7f.0.0.1", "127.1", "2130706433", "010.0.0.1", "1.2.3.4 ", "1.2.3.4:80", "[::1]", "1.2.3.256", "::g"])("%j is none", (text) => {
    expect(addressKind(text)).toBeUndefined();
    expect(addressRefusal(text, { paths: "any", privateNetworks: true, dangerouslyUseLoopback: true })).toMatch(/no IP address/);
  });

  it("written in any way is of one kind", () => {
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        expect(addressKind(address.toUpperCase())).toBe(addressKind(address));
      }),
    );
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        expect(addressKind(`::ffff:${address}`)).toBe(addressKind(address));
      }),
    );
  });
});

describe("a peer may have us connect to", () => {
  const addresses = Object.values(kinds).flat();
  const allowed = (policy: Parameters<typeof addressRefusal>[1]) => addresses.filter((address) => addressRefusal(address, policy) === undefined);
  it("public addresses, whoever it is", () => {
    expect(allowed({ paths: "any", privateNetworks: false })).toEqual(kinds.public);
  });
  it("private ones too where it is known", () => {
    expect(allowed({ paths: "any", privateNetworks: true })).toEqual([...(kinds.public ?? []), ...(kinds.private ?? [])]);
  });
  it("loopback in tests alone", () => {
    expect(allowed({ paths: "any", privateNetworks: false, dangerouslyUseLoopback: true })).toEqual([...(kinds.public ?? []), ...(kinds.loopback ?? [])]);
  });
});

describe("an attempt is told", () => {
  const seen: TransportContext["addresses"][] = [];
  const couple = (options: Parameters<typeof side>[3] = {}) => {
    seen.length = 0;
    const net = network();
    const meadow = new Meadow();
    const inner = transport(NS_ONE, meadow);
    const spy = {
      ...inner,
      attempt: (context: TransportContext) => {
        seen.push(context.addresses);
        return inner.attempt(context);
      },
    };
    return { a: side(net, romeo, [spy], options), b: side(net, juliet, [spy], options) };
  };
  const known = { paths: "any", privateNetworks: true } as const;
  const direct = { paths: "direct", privateNetworks: true } as const;

  it("to show strangers nothing, where nobody says otherwise", async () => {
    const { a, b } = couple();
    const initiated = a.jingle.initiate(juliet, { application: stream() });
    await settle();
    await b.offers[0]?.accept({ application: stream() });
    await initiated;
    expect(seen).toEqual([
      { paths: "relayed", privateNetworks: false },
      { paths: "relayed", privateNetworks: false },
    ]);
  });

  it("what is said of the peer, or for this session", async () => {
    const asked: string[] = [];
    const { a, b } = couple({
      addresses: (peer) => {
        asked.push(peer);
        return known;
      },
    });
    const initiated = codeOf(a.jingle.initiate(juliet, { application: stream(), addresses: direct }));
    await settle();
    await b.offers[0]?.accept({ application: stream() });
    await initiated;
    expect([seen, [...new Set(asked)]]).toEqual([[direct, known], [romeo]]);
  });
});
