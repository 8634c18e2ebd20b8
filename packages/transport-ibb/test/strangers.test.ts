import { once } from "node:events";
import { BalconyError, memoryStanzaNetwork, type StanzaRouter } from "@balcony/channel";
import { parseElement, xml } from "@balcony/xml";
import { describe, expect, it } from "vitest";
import { acceptBytestreams, type InBandBytestream, openBytestream } from "../src/index.js";
import { juliet, romeo } from "./pair.js";

const NS = "http://jabber.org/protocol/ibb";
const strangers = {
  "somebody else": "mallory@evil.lit/x",
  "another resource of the peer": "juliet@capulet.lit/chamber",
  "another resource of ours": "romeo@montague.lit/chamber",
};

const outcome = (answer: Promise<unknown>): Promise<string> =>
  answer.then(
    () => "result",
    (error: unknown) => (error instanceof BalconyError ? (error.stanza?.condition ?? error.code) : String(error)),
  );

interface Scene {
  readonly a: InBandBytestream;
  readonly b: InBandBytestream;
  readonly channelA: StanzaRouter;
  readonly channelB: StanzaRouter;
  readonly stranger: StanzaRouter;
  readonly network: ReturnType<typeof memoryStanzaNetwork>;
}

/** Juliet has a bytestream to Romeo, who takes bytestreams from nobody but her; a stranger knows its sid. */
async function scene(strangersAddress: string, stanza: "iq" | "message" = "iq"): Promise<Scene> {
  const network = memoryStanzaNetwork();
  const [channelA, channelB, stranger] = [network.connect(juliet), network.connect(romeo), network.connect(strangersAddress)];
  let b: InBandBytestream | undefined;
  acceptBytestreams(channelB, { from: (peer) => peer === juliet }, (bytestream) => {
    b = bytestream;
  });
  const a = await openBytestream(channelA.to(romeo), { sid: "known", stanza });
  if (!b) throw new Error("nothing was accepted");
  return { a, b, channelA, channelB, stranger, network };
}

async function stillWorks({ a, b }: Scene): Promise<void> {
  const heard = once(b, "data");
  a.write("undisturbed");
  expect(String((await heard)[0])).toBe("undisturbed");
  expect([a.errored, b.errored]).toEqual([null, null]);
}

const set = (to: string, payload: string) => xml("iq", { type: "set", to }, parseElement(payload));
const actions = {
  "a block in turn": `<data xmlns='${NS}' sid='known' seq='0'>QUJD</data>`,
  "a block out of turn": `<data xmlns='${NS}' sid='known' seq='7'>QUJD</data>`,
  "a malformed block": `<data xmlns='${NS}' sid='known' seq='0'>?</data>`,
  "a block of no sid": `<data xmlns='${NS}' seq='0'>QUJD</data>`,
  "a close": `<close xmlns='${NS}' sid='known'/>`,
  "a close of nothing": `<close xmlns='${NS}' sid='unknown'/>`,
  "an open of the same sid": `<open xmlns='${NS}' sid='known' block-size='4096'/>`,
  "an open of its own": `<open xmlns='${NS}' sid='mine' block-size='4096'/>`,
  "a malformed open": `<open xmlns='${NS}'/>`,
};

describe.each(Object.entries(strangers))("%s", (_who, address) => {
  it.each(Object.entries(actions))("changes nothing by %s, and is told what a client without IBB says", async (_what, payload) => {
    const here = await scene(address);
    expect(await outcome(here.stranger.request(set(romeo, payload)))).toBe("service-unavailable");
    expect(await outcome(here.stranger.request(set(juliet, payload)))).toBe("service-unavailable");
    await stillWorks(here);
  });

  it("is answered byte for byte as by a client that has never heard of IBB", async () => {
    const here = await scene(address);
    const silent = here.network.connect("tybalt@capulet.lit/street");
    const answers: string[] = [];
    here.network.tap((stanza) => {
      if (stanza.attrs.type === "error") answers.push(stanza.toString().replace(/(id|from)="[^"]*"/g, ""));
      return stanza;
    });
    for (const payload of Object.values(actions)) {
      await outcome(here.stranger.request(set(romeo, payload)));
      await outcome(here.stranger.request(set(silent.self, payload)));
    }
    expect(new Set(answers).size).toBe(1);
  });

  it("changes nothing by messages", async () => {
    const here = await scene(address, "message");
    for (const payload of Object.values(actions)) await here.stranger.send(xml("message", { to: romeo }, parseElement(payload)));
    await here.stranger.send(xml("message", { to: juliet, type: "error" }, parseElement(actions["a block in turn"]), parseElement("<error type='cancel'/>")));
    await stillWorks(here);
  });

  it("cannot acknowledge a block that it did not get", async () => {
    const here = await scene(address);
    const swallowed = new Promise<string>((resolve) => {
      here.network.tap((stanza) => {
        if (!stanza.getChild("data")) return stanza;
        resolve(stanza.attrs.id ?? "");
        return undefined;
      });
    });
    const finished: string[] = [];
    here.a.on("finish", () => finished.push("finish")).on("error", () => finished.push("error"));
    here.a.end("lost on the way");
    const id = await swallowed;
    await here.stranger.send(xml("iq", { type: "result", to: juliet, id }));
    await here.stranger.send(xml("iq", { type: "error", to: juliet, id }));
    await outcome(here.stranger.request(set(juliet, actions["a close"])));
    expect(finished).toEqual([]);
    here.a.destroy();
  });
});

describe("the peer itself", () => {
  it("is told item-not-found about a sid that nobody has", async () => {
    const here = await scene(strangers["somebody else"]);
    const wrong = actions["a block in turn"].replace("known", "unknown");
    expect(await outcome(here.channelA.request(set(romeo, wrong)))).toBe("item-not-found");
    expect(await outcome(here.channelB.request(set(juliet, wrong)))).toBe("item-not-found");
    await stillWorks(here);
  });

  it("cannot open one more where we open bytestreams and accept none", async () => {
    const here = await scene(strangers["somebody else"]);
    expect(await outcome(here.channelB.request(set(juliet, actions["an open of its own"])))).toBe("not-acceptable");
    await stillWorks(here);
  });

  it("cannot close one bytestream by the sid of another", async () => {
    const here = await scene(strangers["somebody else"]);
    const other = await openBytestream(here.channelA.to(romeo), { sid: "other" });
    other.destroy();
    await once(other, "close");
    await stillWorks(here);
  });

  it("is a stranger again once its last bytestream is closed", async () => {
    const here = await scene(strangers["somebody else"]);
    here.b.resume();
    here.a.resume().end();
    await Promise.all([once(here.a, "close"), once(here.b, "close")]);
    expect(await outcome(here.channelB.request(set(juliet, actions["a block in turn"])))).toBe("service-unavailable");
  });

  it("gets blocks in messages ignored where IQs were agreed", async () => {
    const here = await scene(strangers["somebody else"]);
    await here.channelA.send(xml("message", { to: romeo }, parseElement(actions["a block in turn"])));
    await stillWorks(here);
  });
});
