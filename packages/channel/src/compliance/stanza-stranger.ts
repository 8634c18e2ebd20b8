import { xml } from "@balcony/xml";
import type { Answer } from "../stanza-channel.js";
import { checkEqual, checkList } from "./check.js";
import { answer, asking, checkCondition, Hearing, message, question, type StrangerCase, telling } from "./stanza-case.js";

/** What somebody else sends by the same wire is nothing to a channel that talks to one. */
export const strangerCases: readonly StrangerCase[] = [
  {
    name: "a stranger's message is not heard",
    run: async ({ a, b, stranger, within }) => {
      const hearing = new Hearing(a);
      await within(stranger.send(message("from a stranger")), "the stranger to send");
      // The stranger's question is behind its message: when it is answered, the message has been there.
      await checkCondition(within(stranger.request(question()), "the refusal"), "service-unavailable", "the stranger's question");
      await within(b.send(message("from b")), "b to send");
      await within(hearing.upTo(1), "a to hear b");
      checkList(hearing.bodies, ["from b"], "what a heard");
    },
  },
  {
    name: "a stranger's question is not answered by our handlers",
    run: async ({ a, b, stranger, within }) => {
      let asked = 0;
      a.onRequest(asking, () => {
        asked++;
        return answer();
      });
      await checkCondition(within(stranger.request(question()), "the refusal"), "service-unavailable", "the stranger's question");
      await within(b.request(question()), "a to answer b");
      checkEqual(asked, 1, "times that the handler was asked");
    },
  },
  {
    name: "a stranger's answer with the right id is not taken",
    run: async ({ a, b, stranger, within }) => {
      b.onRequest(asking, async ({ stanza }) => {
        const { id } = stanza.attrs;
        await stranger.send(xml("iq", { type: "result", id, from: b.self }, answer("forged")));
        await stranger.send(xml("iq", { type: "error", id, from: b.self }));
        await checkCondition(stranger.request(question()), "service-unavailable", "the stranger's question");
        return answer("true");
      });
      const result = await within(a.request(question()), "b to answer");
      checkEqual(result.getChildText("answer"), "true", "the answer");
    },
  },
  {
    name: "a `from` that a stranger writes into a stanza is not believed",
    run: async ({ a, b, stranger, within }) => {
      const hearing = new Hearing(a);
      const forged = message("forged");
      forged.attrs.from = b.self;
      // Some wires refuse to send it, others stamp the true sender over it; either will do.
      await within(Promise.allSettled([stranger.send(forged)]), "the stranger to try");
      await checkCondition(within(stranger.request(question()), "the refusal"), "service-unavailable", "the stranger's question");
      await within(b.send(message("true")), "b to send");
      await within(hearing.upTo(1), "a to hear b");
      checkList(hearing.bodies, ["true"], "what a heard");
    },
  },
  {
    name: "a question to one peer is not taken for a question to another",
    run: async ({ a, b, stranger, within }) => {
      b.onRequest(telling, () => new Promise<Answer>(() => undefined));
      b.onRequest(asking, () => answer("from b"));
      stranger.onRequest(asking, () => answer("from the stranger"));
      const results = await within(Promise.all([a.request(question()), a.wide.to(stranger.self).request(question())]), "both to answer");
      checkList(
        results.map((result) => result.getChildText("answer")),
        ["from b", "from the stranger"],
        "the answers",
      );
    },
  },
];
