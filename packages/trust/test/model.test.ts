import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decide, TrustStore } from "../src/index.js";
import { codeOf, key } from "./addresses.js";
import { newFolder } from "./folders.js";

const accounts = ["juliet@capulet.lit", "nurse@capulet.lit"];
const peers = ["romeo@montague.lit", "benvolio@montague.lit"];
const keys = [1, 2, 3].map(key);

/** What a store must say, told in the plainest way: facts that were once true, and what was last done to each key. */
class Model {
  readonly #status = new Map<string, "unverified" | "verified" | "revoked">();
  readonly #bound = new Set<string>();
  readonly #streamed = new Set<string>();

  status(account: string, peer: string, spki: string) {
    return this.#status.get(`${account} ${peer} ${spki}`);
  }

  /** May this key be used, and as what? */
  judge(account: string, peer: string, spki: string): string {
    const status = this.status(account, peer, spki);
    if (status === "revoked") return "key-revoked";
    if (status === "verified") return "verified";
    if (this.#keysWith("revoked").has(spki)) return "key-revoked";
    return status === undefined && this.#bound.has(`${account} ${peer}`) ? "key-changed" : "unverified";
  }

  bound = (account: string, peer: string): boolean => this.#bound.has(`${account} ${peer}`);
  streamed = (account: string, peer: string): boolean => this.#streamed.has(`${account} ${peer}`);

  use(account: string, peer: string, spki: string): string {
    const judged = this.judge(account, peer, spki);
    if (judged.startsWith("key-")) return judged;
    if (judged === "unverified") this.#status.set(`${account} ${peer} ${spki}`, "unverified");
    this.#streamed.add(`${account} ${peer}`);
    return "accepted";
  }

  verify(account: string, peer: string, spki: string): string {
    if (this.status(account, peer, spki) === "revoked") return "key-revoked";
    this.#status.set(`${account} ${peer} ${spki}`, "verified");
    this.#bound.add(`${account} ${peer}`);
    return "accepted";
  }

  revoke(account: string, peer: string, spki: string): string {
    this.#status.set(`${account} ${peer} ${spki}`, "revoked");
    this.#bound.add(`${account} ${peer}`);
    return "accepted";
  }

  remove(account: string, peer: string, spki: string): string {
    const status = this.status(account, peer, spki);
    if (status === "revoked") return "key-revoked";
    return this.#status.delete(`${account} ${peer} ${spki}`) ? "accepted" : "invalid-argument";
  }

  removeAll(account: string, peer: string): string {
    for (const spki of keys) if (this.status(account, peer, spki) !== "revoked") this.#status.delete(`${account} ${peer} ${spki}`);
    return "accepted";
  }

  reset(account: string, peer: string): string {
    this.#bound.delete(`${account} ${peer}`);
    this.#streamed.delete(`${account} ${peer}`);
    return this.removeAll(account, peer);
  }

  #keysWith(wanted: string): Set<string | undefined> {
    return new Set([...this.#status].filter(([, status]) => status === wanted).map(([name]) => name.split(" ")[2]));
  }
}

/** Two processes at one place: what one does, the other must see. */
interface Real {
  readonly stores: TrustStore[];
  readonly reopen: (which: number) => Promise<void>;
}

async function compare(model: Model, { stores }: Real): Promise<void> {
  for (const store of stores) {
    await store.refresh();
    for (const account of accounts) {
      for (const peer of peers) {
        const { record, otherOwners } = store.view(account, peer);
        expect(record?.tombstone ?? false).toBe(model.bound(account, peer));
        expect(record?.everStreamed ?? false).toBe(model.streamed(account, peer));
        for (const spki of keys) {
          expect(record?.devices.find((device) => device.spki === spki)?.status).toBe(model.status(account, peer, spki));
          const decision = decide({ record, spki, otherOwners: otherOwners(spki), policy: { require: "encrypted" } });
          expect(decision.action === "block" ? decision.code : decision.trust).toBe(model.judge(account, peer, spki));
        }
      }
    }
  }
}

type Deed = "use" | "verify" | "revoke" | "remove" | "removeAll" | "reset";
type Step = { readonly deed: Deed | "reopen"; readonly account: string; readonly peer: string; readonly spki: string; readonly by: number };

const inStore: Readonly<Record<Deed, (store: TrustStore, step: Step, model: Model) => Promise<unknown>>> = {
  use: (store, { account, peer, spki }, model) => {
    const trust = model.status(account, peer, spki) === "verified" ? "verified" : "unverified";
    return store.accepted(account, peer, { spki, decision: { action: "accept", trust, firstUse: false, alerts: [] }, streamed: true });
  },
  verify: (store, { account, peer, spki }) => store.setVerified(account, peer, spki, "fingerprint"),
  revoke: (store, { account, peer, spki }) => store.revoke(account, peer, spki),
  remove: (store, { account, peer, spki }) => store.remove(account, peer, spki),
  removeAll: (store, { account, peer }) => store.remove(account, peer),
  reset: (store, { account, peer }) => store.reset(account, peer),
};

const steps = fc.array(
  fc.record<Step>({
    deed: fc.constantFrom<Step["deed"]>("use", "use", "verify", "revoke", "remove", "removeAll", "reset", "reopen"),
    account: fc.constantFrom(...accounts),
    peer: fc.constantFrom(...peers),
    spki: fc.constantFrom(...keys),
    by: fc.constantFrom(0, 1),
  }),
  { maxLength: 25 },
);

async function run(real: Real, story: readonly Step[]): Promise<void> {
  const model = new Model();
  for (const step of story) {
    const { deed, account, peer, spki, by } = step;
    if (deed === "reopen") {
      await real.reopen(by);
    } else {
      const store = real.stores[by] ?? expect.unreachable();
      const done = await codeOf(inStore[deed](store, step, model));
      expect(done, deed).toBe(model[deed](account, peer, spki));
    }
    await compare(model, real);
  }
}

describe("any sequence of changes", () => {
  it("leaves in memory what the model says", async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (story) => {
        const store = await TrustStore.inMemory();
        await run({ stores: [store, store], reopen: () => Promise.resolve() }, story);
      }),
      { numRuns: 300 },
    );
  });

  it("leaves in files what the model says, for both of two stores, opened anew at any time", async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (story) => {
        const folder = await newFolder();
        const stores = [await TrustStore.open({ folder }), await TrustStore.open({ folder })];
        await run(
          {
            stores,
            reopen: async (which) => {
              await stores[which]?.close();
              stores[which] = await TrustStore.open({ folder });
            },
          },
          story,
        );
      }),
      { numRuns: 10 },
    );
  });
});
