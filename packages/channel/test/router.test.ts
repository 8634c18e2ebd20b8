import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type Element, parseElement, xml } from "@balcony/xml";
import { describe, expect, it, vi } from "vitest";
import { answersItself, BalconyError, memoryStanzaNetwork, memoryStanzaPair, notMine, type StanzaChannel, StanzaRouter, stanzaError } from "../src/index.js";

const romeo = "romeo@montague.lit/orchard";
const juliet = "juliet@capulet.lit/balcony";
const self = juliet;
const ping = () => xml("iq", { type: "get" }, xml("ping", "urn:xmpp:ping"));
const pinged = { type: "get", name: "ping", xmlns: "urn:xmpp:ping" } as const;

/** A router on a wire that the test holds: what it sent, and what it reported. */
function held(options: { readonly peer?: string; readonly openRequests?: number; readonly transmit?: () => Promise<void> } = {}) {
  const sent: ReturnType<typeof ping>[] = [];
  const reported: unknown[] = [];
  const router = new StanzaRouter({
    self,
    peer: options.peer,
    openRequests: options.openRequests,
    transmit: async (stanza) => {
      sent.push(parseElement(stanza.toString()));
      await options.transmit?.();
    },
    shutdown: () => Promise.resolve(),
    report: (error) => reported.push(error),
  });
  return { router, sent, reported };
}
const turns = async (count = 20) => {
  for (let turn = 0; turn < count; turn++) await Promise.resolve();
};
const settledAs = (promise: Promise<unknown>) =>
  promise.then(
    () => "resolved",
    (error: unknown) => (error instanceof BalconyError ? error.code : String(error)),
  );
const result = (id: string | undefined, child = "<answer xmlns='x'/>") => parseElement(`<iq type='result' id='${id}'>${child}</iq>`);

describe("who may answer", () => {
  const asks = async (ask: (router: StanzaRouter) => Promise<unknown>, from: string) => {
    const { router, sent } = held();
    const answer = settledAs(ask(router));
    await turns();
    const taken = router.receive(result(sent[0]?.attrs.id), from);
    router.end(new BalconyError("connection-lost", "over"));
    return { taken, answer: await answer };
  };
  const taken = { taken: true, answer: "resolved" };
  const ignored = { taken: false, answer: "connection-lost" };
  const full = (router: StanzaRouter) => router.to(romeo).request(ping());
  const toBare = (router: StanzaRouter) => router.to("romeo@montague.lit").request(ping());
  const toNobody = (router: StanzaRouter) => router.request(ping());

  it.each([
    ["the full address that was asked", full, romeo, taken],
    ["another resource of it", full, "romeo@montague.lit/garden", ignored],
    ["its bare address", full, "romeo@montague.lit", ignored],
    ["its server", full, "montague.lit", ignored],
    ["somebody else", full, "benvolio@montague.lit/orchard", ignored],
    ["the same resource in another case", full, "romeo@montague.lit/Orchard", ignored],
    ["our own account, where another was asked", full, "juliet@capulet.lit", ignored],
    ["our own server, where another was asked", full, "capulet.lit", ignored],
    ["the bare address that was asked", toBare, "romeo@montague.lit", taken],
    ["a resource of the bare address that was asked", toBare, romeo, ignored],
    ["our account, where nobody was named", toNobody, "juliet@capulet.lit", taken],
    ["our own full address, where nobody was named", toNobody, juliet, taken],
    ["our server, where nobody was named", toNobody, "capulet.lit", taken],
    ["another resource of ours, where nobody was named", toNobody, "juliet@capulet.lit/chamber", ignored],
    ["somebody else, where nobody was named", toNobody, romeo, ignored],
  ] as const)("%s", async (_, ask, from, expected) => {
    expect(await asks(ask, from)).toEqual(expected);
  });

  it("nobody a second time", async () => {
    const { router, sent } = held();
    const answer = router.to(romeo).request(ping());
    await turns();
    const id = sent[0]?.attrs.id;
    expect(router.receive(result(id, "<first xmlns='x'/>"), romeo)).toBe(true);
    expect(router.receive(result(id, "<second xmlns='x'/>"), romeo)).toBe(false);
    expect((await answer).getChild("first")).toBeDefined();
  });

  it("nobody with another id, with none, or after the deadline", async () => {
    vi.useFakeTimers();
    try {
      const { router, sent } = held();
      const answer = settledAs(router.to(romeo).request(ping(), { timeout: 1000 }));
      await turns();
      expect(router.receive(result("other"), romeo)).toBe(false);
      expect(router.receive(parseElement("<iq type='result'/>"), romeo)).toBe(false);
      await vi.advanceTimersByTimeAsync(1000);
      expect(await answer).toBe("timeout");
      expect(router.receive(result(sent[0]?.attrs.id), romeo)).toBe(false);
    } finally {
      vi.useRealTimers();
    }
  });

  it("whatever the id in the request was, the one on the wire is fresh", async () => {
    const { router, sent } = held();
    const iq = ping();
    iq.attrs.id = "1";
    for (let n = 0; n < 3; n++) void settledAs(router.to(romeo).request(iq));
    await turns();
    const ids = sent.map((stanza) => stanza.attrs.id);
    expect(new Set([...ids, "1"]).size).toBe(4);
    expect(iq.attrs).toEqual({ type: "get", id: "1" });
    router.end(new BalconyError("closed", "over"));
  });
});

describe("a request", () => {
  it("is not sent where its signal has been aborted before, and is let go of where it is aborted later", async () => {
    const { router, sent } = held();
    const before = AbortSignal.abort();
    expect(await settledAs(router.to(romeo).request(ping(), { signal: before }))).toBe("aborted");
    expect(sent).toEqual([]);
    const later = new AbortController();
    const answer = settledAs(router.to(romeo).request(ping(), { signal: later.signal }));
    await turns();
    later.abort();
    expect(await answer).toBe("aborted");
    expect(router.receive(result(sent[0]?.attrs.id), romeo)).toBe(false);
  });

  it.each([
    ["no type", xml("iq", {}, xml("ping", "urn:xmpp:ping"))],
    ["type result", xml("iq", { type: "result" }, xml("ping", "urn:xmpp:ping"))],
    ["no child", xml("iq", { type: "get" })],
    ["two children", xml("iq", { type: "get" }, xml("a", "x"), xml("b", "x"))],
  ])("with %s is refused before it is sent", async (_, iq) => {
    const { router, sent } = held();
    expect(await settledAs(router.to(romeo).request(iq))).toBe("invalid-argument");
    expect(sent).toEqual([]);
  });

  it("to what is no address throws invalid-jid", async () => {
    const { router } = held();
    expect(() => router.to("@capulet.lit")).toThrow(expect.objectContaining({ code: "invalid-jid" }));
    expect(await settledAs(router.request(xml("iq", { type: "get", to: "romeo@" }, xml("ping", "urn:xmpp:ping"))))).toBe("invalid-jid");
  });

  it("fails with what the wire says where it cannot be sent", async () => {
    const { router } = held({ transmit: () => Promise.reject(new BalconyError("client-offline", "no wire")) });
    expect(await settledAs(router.to(romeo).request(ping()))).toBe("client-offline");
  });
});

describe("a request handler", () => {
  it("that throws, returns or resolves something that is no answer is answered internal-server-error, and reported", async () => {
    const handlers: (() => unknown)[] = [
      () => {
        throw new Error("broken");
      },
      () => {
        throw "a string"; // what a careless handler does
      },
      () => Promise.reject(new Error("broken later")),
      () => Promise.reject("a string"),
      () => Promise.reject(undefined),
      () => "text",
      () => 7,
      () => Promise.resolve(notMine),
      () => new Error("returned"),
      () => null,
      () => {
        throw new BalconyError("timeout", "an error of ours that is no stanza error");
      },
    ];
    for (const handler of handlers) {
      const { router, sent, reported } = held();
      router.onRequest(pinged, handler as () => undefined);
      expect(router.receive(parseElement("<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>"), romeo)).toBe(true);
      await turns();
      expect(sent.map((stanza) => stanza.toString())).toEqual([
        `<iq to="${romeo}" id="1" type="error"><error type="cancel"><internal-server-error xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></iq>`,
      ]);
      expect(reported).toHaveLength(1);
    }
  });

  it("that throws a stanza error answers with it, and nothing is reported", async () => {
    const { router, sent, reported } = held();
    router.onRequest(pinged, () => {
      throw stanzaError("item-not-found", { text: "no <such> thing", application: xml("unknown-session", "urn:xmpp:jingle:errors:1") });
    });
    router.receive(parseElement("<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>"), romeo);
    await turns();
    const error = sent[0]?.getChild("error");
    expect(error?.attrs.type).toBe("cancel");
    expect(error?.getChild("item-not-found", "urn:ietf:params:xml:ns:xmpp-stanzas")).toBeDefined();
    expect(error?.getChildText("text", "urn:ietf:params:xml:ns:xmpp-stanzas")).toBe("no <such> thing");
    expect(error?.getChild("unknown-session", "urn:xmpp:jingle:errors:1")).toBeDefined();
    expect(reported).toEqual([]);
  });

  it("that answers itself is not answered for, and counts as none that is open", async () => {
    const network = memoryStanzaNetwork();
    const [asking, answering] = [network.connect("romeo@montague.lit/orchard"), network.connect("juliet@capulet.lit/balcony")];
    const open: string[] = [];
    answering.onRequest({ type: "get", name: "query", xmlns: "urn:example" }, ({ from, stanza }) => {
      open.push(stanza.attrs.id ?? "");
      if (open.length === 600) for (const id of open) void answering.send(xml("iq", { to: from, type: id === open[0] ? "error" : "result", id }));
      return answersItself;
    });
    const errors: Element[] = [];
    const answers = Array.from({ length: 600 }, () =>
      asking.request(xml("iq", { type: "get", to: answering.self }, xml("query", "urn:example")), { onError: (error) => errors.push(error) }),
    );
    const [first, ...others] = await Promise.allSettled(answers);
    expect([first?.status, others.every(({ status }) => status === "fulfilled"), errors.map(({ attrs }) => attrs.type)]).toEqual(["rejected", true, ["error"]]);
  });

  it("whose answer cannot be sent makes a report, and nothing that nobody catches", async () => {
    for (const transmit of [
      () => Promise.reject(new Error("no wire")),
      () => {
        throw new Error("no wire, at once");
      },
    ]) {
      const { router, reported } = held({ transmit });
      router.onRequest(pinged, () => undefined);
      router.receive(parseElement("<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>"), romeo);
      router.refuse(parseElement("<iq type='get' id='2'><ping xmlns='urn:xmpp:ping'/></iq>"), romeo);
      await turns();
      expect(reported).toHaveLength(2);
    }
  });

  it("taken away by one before it is not asked, and one that comes meanwhile neither", () => {
    const { router } = held();
    const asked: string[] = [];
    let second: () => void = () => undefined;
    router.onRequest(pinged, () => {
      asked.push("first");
      second();
      router.onRequest(pinged, () => {
        asked.push("late");
        return notMine;
      });
      return notMine;
    });
    second = router.onRequest(pinged, () => {
      asked.push("second");
      return notMine;
    });
    expect(router.receive(parseElement("<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>"), romeo)).toBe(false);
    expect(asked).toEqual(["first"]);
  });

  it("hears only the peer that its channel was narrowed to", () => {
    const { router } = held();
    const heard: string[] = [];
    const note = (name: string) => (): typeof notMine => {
      heard.push(name);
      return notMine;
    };
    router.onRequest(pinged, note("wide"));
    router.to(romeo).onRequest(pinged, note("romeo"));
    router.to("romeo@montague.lit").onRequest(pinged, note("bare"));
    const iq = parseElement("<iq type='get' id='1' from='romeo@montague.lit/orchard'><ping xmlns='urn:xmpp:ping'/></iq>");
    router.receive(iq, "mallory@evil.lit/x");
    router.receive(iq, romeo);
    router.receive(iq, "romeo@montague.lit/garden");
    expect(heard).toEqual(["wide", "wide", "romeo", "wide"]);
  });
});

describe("whoever asks faster than the answers come", () => {
  const flood = (router: StanzaRouter, from: string, count: number) => {
    for (let n = 0; n < count; n++) router.receive(parseElement(`<iq type='get' id='${n}'><ping xmlns='urn:xmpp:ping'/></iq>`), from);
  };

  it("is served up to the limit, refused as often again, then not answered at all, and reported once", async () => {
    let served = 0;
    let finish: () => void = () => undefined;
    const working = new Promise<undefined>((resolve) => {
      finish = () => resolve(undefined);
    });
    let sendOn: () => void = () => undefined;
    const blocked = new Promise<void>((resolve) => {
      sendOn = resolve;
    });
    const { router, sent, reported } = held({ openRequests: 4, transmit: () => blocked });
    router.onRequest(pinged, () => {
      served++;
      return working;
    });
    flood(router, romeo, 100);
    await turns();
    expect(served).toBe(4);
    expect(sent.map((stanza) => stanza.getChild("error")?.children.map(String))).toEqual(Array(4).fill(['<resource-constraint xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>']));
    expect(sent.every((stanza) => stanza.getChild("error")?.attrs.type === "wait")).toBe(true);
    expect(reported).toEqual([expect.objectContaining({ code: "resource-constraint", peer: romeo })]);

    finish();
    sendOn();
    await turns();
    expect(sent).toHaveLength(8);
    flood(router, romeo, 1);
    await turns();
    expect(served).toBe(5);
    expect(sent).toHaveLength(9);
  });

  it("does not keep others from being served", async () => {
    const { router, sent } = held({ openRequests: 4 });
    router.onRequest(pinged, ({ from }) => (from === romeo ? new Promise(() => undefined) : undefined));
    flood(router, romeo, 100);
    flood(router, "benvolio@montague.lit/street", 1);
    await turns();
    expect(sent.filter((stanza) => stanza.attrs.type === "result").map((stanza) => stanza.attrs.to)).toEqual(["benvolio@montague.lit/street"]);
  });

  it("under ever new names is stopped too", async () => {
    let served = 0;
    const { router } = held({ openRequests: 4 });
    router.onRequest(pinged, () => {
      served++;
      return new Promise(() => undefined);
    });
    for (let n = 0; n < 1000; n++) flood(router, `mallory${n}@evil.lit/x`, 1);
    await turns();
    expect(served).toBe(64);
  });

  it("cannot make refusals pile up either", async () => {
    const { router, sent } = held({ openRequests: 4, transmit: () => new Promise(() => undefined) });
    for (let n = 0; n < 100; n++) router.refuse(parseElement(`<iq type='get' id='${n}'><ping xmlns='urn:xmpp:ping'/></iq>`), romeo);
    await turns();
    expect(sent).toHaveLength(8);
  });
});

describe("the end", () => {
  it("fails open requests, takes all handlers away, and takes no new ones", async () => {
    const { router, sent } = held();
    let heard = 0;
    const hear = () => {
      heard++;
      return undefined;
    };
    router.onStanza(hear);
    router.onRequest(pinged, hear);
    const narrowed = router.to(romeo);
    narrowed.onStanza(hear);
    const open = [settledAs(router.request(ping())), settledAs(narrowed.request(ping()))];
    await turns();
    const reason = new BalconyError("connection-lost", "gone");
    router.end(reason);
    router.end(new BalconyError("closed", "too late"));
    expect(await Promise.all(open)).toEqual(["connection-lost", "connection-lost"]);
    expect(router.closed.reason).toBe(reason);
    expect(narrowed.closed.reason).toBe(reason);
    router.onStanza(hear);
    narrowed.onStanza(hear);
    narrowed.onRequest(pinged, hear);
    expect(router.receive(xml("message"), romeo)).toBe(false);
    expect(router.receive(parseElement("<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>"), romeo)).toBe(false);
    router.refuse(parseElement("<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>"), romeo);
    await turns();
    expect(heard).toBe(0);
    expect(sent).toHaveLength(2);
    for (const channel of [router, narrowed] as StanzaChannel[]) {
      expect(await settledAs(channel.send(xml("message")))).toBe("connection-lost");
      expect(await settledAs(channel.request(ping()))).toBe("connection-lost");
    }
  });

  it("while a handler works sends no answer, and reports nothing", async () => {
    const { router, sent, reported } = held();
    let fail: (error: Error) => void = () => undefined;
    router.onRequest(pinged, () => new Promise((_, reject) => (fail = reject)));
    router.receive(parseElement("<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>"), romeo);
    router.end(new BalconyError("closed", "over"));
    fail(new Error("too late"));
    await turns();
    expect(sent).toEqual([]);
    expect(reported).toEqual([]);
  });

  it("of a narrowed channel leaves the wide one and its other parts alone", async () => {
    const { router, sent } = held();
    const [one, other] = [router.to(romeo), router.to(romeo)];
    const heard: string[] = [];
    router.onStanza(() => void heard.push("wide"));
    one.onStanza(() => void heard.push("one"));
    other.onStanza(() => void heard.push("other"));
    const open = [settledAs(one.request(ping())), settledAs(other.request(ping())), settledAs(router.request(ping()))];
    const closed = vi.fn();
    one.closed.addEventListener("abort", closed);
    await turns();
    await one.close();
    await one.close();
    expect(closed).toHaveBeenCalledTimes(1);
    expect(one.closed.reason).toMatchObject({ code: "closed", peer: romeo });
    expect(other.closed.aborted).toBe(false);
    router.receive(xml("message"), romeo);
    expect(heard).toEqual(["wide", "other"]);
    router.receive(result(sent[1]?.attrs.id), romeo);
    router.receive(result(sent[2]?.attrs.id), "juliet@capulet.lit");
    expect(await Promise.all(open)).toEqual(["closed", "resolved", "resolved"]);
  });

  it("comes once where close() is called twice, and both calls wait for it", async () => {
    let shutdowns = 0;
    let finish: () => void = () => undefined;
    const router = new StanzaRouter({
      self,
      transmit: () => Promise.resolve(),
      shutdown: () => {
        shutdowns++;
        return new Promise((resolve) => {
          finish = resolve;
        });
      },
      report: () => undefined,
    });
    const both = [router.close(), router.close()];
    let over = 0;
    for (const one of both) void one.then(() => over++);
    await turns();
    expect([shutdowns, over]).toEqual([1, 0]);
    finish();
    await Promise.all(both);
    expect(shutdowns).toBe(1);
  });
});

describe("narrowing", () => {
  it("of a channel that has one peer goes to that peer alone", () => {
    const { router } = held({ peer: romeo });
    expect(router.to("Romeo@Montague.lit/orchard").peer).toBe(romeo);
    expect(router.to(romeo).to(romeo).peer).toBe(romeo);
    for (const other of ["romeo@montague.lit", "romeo@montague.lit/garden"]) {
      expect(() => router.to(other)).toThrow(expect.objectContaining({ code: "invalid-argument" }));
      expect(() => router.to(romeo).to(other)).toThrow(expect.objectContaining({ code: "invalid-argument" }));
    }
  });

  it("addresses copies, and leaves what it was given as it was", async () => {
    const { router, sent } = held();
    const message = xml("message", { to: "somebody@else.lit" }, xml("body", {}, "hi"));
    await router.to(romeo).send(message);
    expect(sent[0]?.attrs.to).toBe(romeo);
    expect(message.attrs.to).toBe("somebody@else.lit");
  });

  it("names the channel that it came from", () => {
    const { router } = held();
    expect(router.to(romeo).wide).toBe(router);
    expect(router.wide).toBe(router);
  });
});

describe("handlers of stanzas", () => {
  it("are asked in order until one has dealt with it, and one that throws does not keep the others from it", () => {
    const { router, reported } = held();
    const heard: string[] = [];
    router.onStanza(() => {
      heard.push("first");
      throw new Error("broken");
    });
    router.onStanza(() => {
      heard.push("second");
      return true;
    });
    router.onStanza(() => void heard.push("third"));
    expect(router.receive(xml("message"), romeo)).toBe(true);
    expect(heard).toEqual(["first", "second"]);
    expect(reported).toHaveLength(1);
  });

  it("are not given what is neither message nor presence", () => {
    const { router } = held();
    let heard = 0;
    router.onStanza(() => void heard++);
    for (const stranger of ["iq", "stream:features", "r", "MESSAGE", "messages"]) expect(router.receive(xml(stranger), romeo)).toBe(false);
    expect(heard).toBe(0);
  });
});

describe("nothing is left behind", () => {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;

  // Weak references tell it: what a wide channel still held of a narrowed one could not be collected.
  const collected = async (make: (router: StanzaRouter) => StanzaChannel | Promise<StanzaChannel>): Promise<number> => {
    const { router } = held({ transmit: () => Promise.resolve() });
    const references: WeakRef<StanzaChannel>[] = [];
    for (let n = 0; n < 2000; n++) references.push(new WeakRef(await make(router)));
    await new Promise((resolve) => setImmediate(resolve));
    gc();
    const left = references.filter((reference) => reference.deref() !== undefined).length;
    expect(router.closed.aborted).toBe(false);
    return left;
  };

  it("by 2,000 narrowed channels that were dropped", async () => {
    expect(await collected((router) => router.to(romeo))).toBeLessThan(20);
  });

  it("by 2,000 narrowed channels that were used and closed", async () => {
    const left = await collected(async (router) => {
      const channel = router.to(romeo);
      channel.closed.addEventListener("abort", () => undefined);
      channel.onStanza(() => undefined);
      channel.onRequest(pinged, () => undefined);
      await channel.send(xml("message"));
      const asked = settledAs(channel.request(ping()));
      await channel.close();
      await asked;
      return channel;
    });
    expect(left).toBeLessThan(20);
  });
});

it("serves both kinds of memory channel alike", async () => {
  const network = memoryStanzaNetwork();
  const wide = network.connect(romeo);
  network.connect(juliet).onRequest(pinged, () => xml("pong", "x"));
  expect((await wide.to(juliet).request(ping())).getChild("pong")).toBeDefined();
  const [a, b] = memoryStanzaPair({ a: romeo, b: juliet });
  b.onRequest(pinged, () => xml("pong", "x"));
  expect((await a.request(ping())).getChild("pong")).toBeDefined();
});
