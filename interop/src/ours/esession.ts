import { BalconyError } from "@balcony/channel";
import { type ESession, ESessions, memorySecrets, type Parameters } from "@balcony/esessions";
import { nodeArithmetic, nodeCrypto } from "@balcony/esessions/node";
import { type Element, xml } from "@balcony/xml";
import type { PeerProcess } from "../peer-process.js";
import { login } from "./client.js";
import { expect, type OurSide, type OurTask } from "./side.js";

/** XEP-0116 in four messages, texts and their echoes, and the end. */
export async function esession(task: OurTask): Promise<OurSide> {
  const { channel, logout } = await login(task);
  const sessions = new Inbox<ESession>();
  let fail: (error: unknown) => void = () => undefined;
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  failed.catch(() => undefined); // raced with
  const esessions = new ESessions(channel, {
    crypto: nodeCrypto,
    arithmetic: nodeArithmetic,
    secrets: memorySecrets(),
    accept: (from) => from === task.peer,
    onSession: (session) => sessions.put(session),
    report: (error) => {
      task.log("note", String(error));
      fail(error);
    },
    parameters: parametersOf(task),
    ...(task.options.rekeys === "balcony" && { rekeyAfter: { stanzas: 1 } }),
  });
  return {
    run: async (peer) => {
      await peer.event("ready");
      // What the peer does to an offer of its own may be answered without anybody here hearing of it.
      const given = peer.ended.then(() => undefined);
      const begin = async () => (task.role === "initiator" ? await esessions.initiate(task.peer, { signal: task.signal }) : await Promise.race([sessions.next(), failed, given]));
      const rounds = task.options.again === true ? 2 : 1;
      for (let round = 1; round <= rounds; round++) {
        const session = await begin();
        if (!session) return;
        if (round === 1) await agreed(task, session, peer);
        else expect(session.security.retained === "matched", `The secret that the first session left is ${session.security.retained} in the second.`);
        await Promise.race([converse(task, session), failed]);
      }
      await peer.event("closed");
    },
    close: async () => {
      await esessions.close();
      await logout();
    },
  };
}

/** One group and one cipher, so that a cell is of what it says. A foreign peer gets `strict` only where nothing else is listed. */
function parametersOf({ options }: OurTask): Partial<Parameters> {
  const { cipher = "aes128-ctr", group = 14, setting = "deployed" } = options;
  return { groups: [Number(group)], ciphers: [cipher as Parameters["ciphers"][number]], settings: [setting as Parameters["settings"][number]] };
}

async function agreed({ options }: OurTask, session: ESession, peer: PeerProcess): Promise<void> {
  const { group, sas, setting } = session.security;
  expect(group === (options.group ?? 14) && setting === options.setting, `The session is of group ${group}, and ${setting}.`);
  const said = await peer.event("symbols");
  expect(said.sas === sas, `The peer has the short string ${said.sas}, and we have ${sas}.`);
}

async function converse({ options, role }: OurTask, session: ESession): Promise<void> {
  const heard = new Inbox<string>();
  session.channel.onStanza(({ stanza }) => {
    heard.put(stanza.getChildText("body") ?? "");
    return true;
  });
  const over = new Promise<unknown>((resolve) => session.channel.closed.addEventListener("abort", () => resolve(session.channel.closed.reason), { once: true }));
  const cut = over.then(async (reason) => await Promise.reject<never>(reason instanceof Error ? reason : new BalconyError("closed", "The session ended early.")));
  cut.catch(() => undefined); // raced with
  session.deliver();
  const texts = options.texts as readonly string[];
  for (const text of texts) {
    if (role === "initiator") await session.channel.send(message(text));
    const came = await Promise.race([heard.next(), cut]);
    expect(came === text, `Instead of ${JSON.stringify(text)} came ${JSON.stringify(came)}.`);
    if (role === "responder") await session.channel.send(message(text));
  }
  if (role === "initiator") await session.close();
  const reason = await over;
  if (reason instanceof BalconyError && reason.code !== "closed") throw reason;
}

const message = (text: string): Element => xml("message", {}, xml("body", {}, text));

/** What has come, for whoever asks. */
class Inbox<Item> {
  readonly #items: Item[] = [];
  readonly #waiting: ((item: Item) => void)[] = [];

  put(item: Item): void {
    const taker = this.#waiting.shift();
    if (taker) taker(item);
    else this.#items.push(item);
  }

  async next(): Promise<Item> {
    return this.#items.shift() ?? (await new Promise((resolve) => this.#waiting.push(resolve)));
  }
}
