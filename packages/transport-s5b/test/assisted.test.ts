import { memoryStanzaPair } from "@balcony/channel";
import { xml } from "@balcony/xml";
import { describe, expect, it } from "vitest";
import { s5b } from "../src/index.js";
import { NS_S5B } from "../src/transport-element.js";
import { juliet, onLoopback, romeo } from "./transport-pair.js";

const signal = new AbortController().signal;

/** An attempt whose router maps a port, and counts what it is asked to take away again. */
function attempt({ late }: { readonly late?: Promise<void> } = {}) {
  const [channel] = memoryStanzaPair({ a: romeo, b: juliet });
  const router = { mapped: [] as number[], released: 0 };
  const map = async (port: number) => {
    router.mapped.push(port);
    await late;
    const release = async (): Promise<void> => {
      router.released++;
    };
    return { host: "192.0.2.7", port: 40_000, by: "UPnP", release } as const;
  };
  const made = s5b({ assisted: { map }, timeout: 200 }).attempt({
    channel: channel.to(juliet),
    role: "initiator",
    sid: "jingle",
    addresses: onLoopback,
    sendInfo: async () => undefined,
    progress: () => undefined,
  });
  return { made, router };
}

const nothing = (sid: string) => xml("transport", { xmlns: NS_S5B, sid });

describe("a port that the router has mapped", () => {
  it("is offered as an assisted candidate, and taken away once neither side can connect", async () => {
    const { made, router } = attempt();
    const offer = await made.offer();
    const candidates = offer.getChildren("candidate").map(({ attrs }) => [attrs.type, attrs.host]);
    expect(candidates).toContainEqual(["assisted", "192.0.2.7"]);
    made.accepted(nothing(offer.attrs.sid ?? ""));
    const connecting = made.connect(signal);
    made.info(xml("transport", { xmlns: NS_S5B, sid: offer.attrs.sid }, xml("candidate-error")));
    await expect(connecting).rejects.toMatchObject({ code: "failed-transport" });
    expect([router.mapped.length, router.released]).toEqual([1, 1]);
  });

  it("is taken away where the peer says nothing in time", async () => {
    const { made, router } = attempt();
    const offer = await made.offer();
    made.accepted(nothing(offer.attrs.sid ?? ""));
    await expect(made.connect(signal)).rejects.toMatchObject({ code: "timeout" });
    expect(router.released).toBe(1);
  });

  it("is taken away where the attempt is given up", async () => {
    const { made, router } = attempt();
    await made.offer();
    made.abort();
    expect(router.released).toBe(1);
  });

  it("is taken away by a router that answers only then", async () => {
    let answer: () => void = () => undefined;
    const { made, router } = attempt({
      late: new Promise((resolve) => {
        answer = resolve;
      }),
    });
    const offer = made.offer();
    offer.catch(() => undefined);
    while (router.mapped.length === 0) await new Promise(setImmediate);
    made.abort();
    answer();
    await expect(offer).rejects.toMatchObject({ code: "closed" });
    expect(router.released).toBe(1);
  });
});
