import { xml } from "@balcony/xml";
import { stanzaError } from "../error.js";
import { type Answer, notMine } from "../stanza-channel.js";
import { check, checkEqual, checkList } from "./check.js";
import { answer, asking, checkCode, checkCondition, Hearing, message, NS, order, question, type StanzaCase, telling } from "./stanza-case.js";

const text = (result: { getChildText(name: string, xmlns?: string): string | null }) => result.getChildText("answer", NS);

/** Requests find their handler, and answers whoever asked. */
export const answeringCases: readonly StanzaCase[] = [
  {
    name: "a question is answered, with what the handler returns",
    run: async ({ a, b, within }) => {
      b.onRequest(asking, ({ payload, from, type, stanza }) => {
        checkEqual(payload.getText(), "why?", "the payload");
        checkEqual(from, a.self, "from");
        checkEqual(type, "get", "type");
        checkEqual(stanza.name, "iq", "name of the stanza");
        return answer("because");
      });
      const result = await within(a.request(question("why?")), "b to answer");
      checkEqual(result.attrs.type, "result", "type of the answer");
      checkEqual(text(result), "because", "the answer");
    },
  },
  {
    name: "an order is answered by an empty result",
    run: async ({ a, b, within }) => {
      b.onRequest(telling, () => undefined);
      const result = await within(a.request(order()), "b to answer");
      checkEqual(result.attrs.type, "result", "type of the answer");
      checkEqual(result.children.length, 0, "children of the answer");
    },
  },
  {
    name: "a handler may take its time",
    run: async ({ a, b, within }) => {
      let finish: (value: Answer) => void = () => undefined;
      const working = new Promise<Answer>((resolve) => {
        finish = resolve;
      });
      let asked: () => void = () => undefined;
      const wasAsked = new Promise<void>((resolve) => {
        asked = resolve;
      });
      b.onRequest(asking, () => {
        asked();
        return working;
      });
      const result = a.request(question());
      await within(wasAsked, "the handler to be asked");
      finish(answer("at last"));
      checkEqual(text(await within(result, "b to answer")), "at last", "the answer");
    },
  },
  {
    name: "many questions at once, answered in another order, get each its own answer",
    run: async ({ a, b, within }) => {
      const open: { readonly text: string; readonly resolve: (value: Answer) => void }[] = [];
      b.onRequest(asking, ({ payload }) => {
        const answered = new Promise<Answer>((resolve) => open.push({ text: payload.getText(), resolve }));
        if (open.length === 20) for (const one of [...open].reverse()) one.resolve(answer(one.text));
        return answered;
      });
      const asked = Array.from({ length: 20 }, (_, index) => `question ${index}`);
      const results = await within(Promise.all(asked.map((one) => a.request(question(one)))), "b to answer all");
      checkList(results.map(text), asked, "the answers");
    },
  },
  {
    name: "both sides ask at once",
    run: async ({ a, b, within }) => {
      a.onRequest(asking, () => answer("from a"));
      b.onRequest(asking, () => answer("from b"));
      const results = await within(Promise.all([a.request(question()), b.request(question())]), "both to answer");
      checkList(results.map(text), ["from b", "from a"], "the answers");
    },
  },
  {
    name: "a handler may ask back before it answers",
    run: async ({ a, b, within }) => {
      a.onRequest(telling, () => answer("the answer to the question back"));
      b.onRequest(asking, async () => answer(`after ${text(await b.request(order()))}`));
      const result = await within(a.request(question()), "b to answer");
      checkEqual(text(result), "after the answer to the question back", "the answer");
    },
  },
  {
    name: "a message sent before a question is heard before it",
    run: async ({ a, b, within }) => {
      const order: string[] = [];
      b.onStanza(({ stanza }) => void order.push(stanza.getChildText("body") ?? ""));
      b.onRequest(asking, () => {
        order.push("question");
        return answer();
      });
      const sent = a.send(message("before"));
      const result = a.request(question());
      await within(Promise.all([sent, result]), "b to answer");
      checkList(order, ["before", "question"], "what b heard");
    },
  },
  {
    name: "an error that a handler throws arrives as it was meant",
    run: async ({ a, b, within }) => {
      b.onRequest(asking, () => {
        throw stanzaError("item-not-found", { type: "modify", text: "no <such> thing", application: xml("lost", NS) });
      });
      const error = await checkCondition(within(a.request(question()), "b to answer"), "item-not-found", "the answer");
      checkEqual(error.stanza?.type, "modify", "its type");
      checkEqual(error.stanza?.text, "no <such> thing", "its text");
      checkEqual(error.stanza?.application?.is("lost", NS), true, "its application condition");
    },
  },
  {
    name: "an error that a handler rejects with later arrives too",
    run: async ({ a, b, within }) => {
      b.onRequest(asking, () => Promise.reject(stanzaError("not-allowed")));
      await checkCondition(within(a.request(question()), "b to answer"), "not-allowed", "the answer");
    },
  },
  {
    name: "a handler that breaks is answered internal-server-error, and tells the asker nothing more",
    run: async ({ a, b, within }) => {
      b.onRequest(asking, () => {
        throw new Error("secret: a handler of the suite throws");
      });
      const error = await checkCondition(within(a.request(question()), "b to answer"), "internal-server-error", "the answer");
      check(!error.message.includes("secret"), "what the handler threw was told to the asker");
      b.onRequest(telling, () => Promise.reject(new Error("secret: a handler of the suite rejects")));
      await checkCondition(within(a.request(order()), "b to answer"), "internal-server-error", "the second answer");
    },
  },
  {
    name: "a question that nobody takes is answered service-unavailable",
    run: async ({ a, b, within }) => {
      b.onRequest(telling, () => undefined);
      await checkCondition(within(a.request(question()), "b to answer"), "service-unavailable", "the answer");
    },
  },
  {
    name: "a handler is asked only for its type, name and namespace",
    run: async ({ a, b, within }) => {
      let asked = 0;
      b.onRequest(asking, () => {
        asked++;
        return undefined;
      });
      for (const iq of [
        xml("iq", { type: "set" }, xml("question", NS)),
        xml("iq", { type: "get" }, xml("Question", NS)),
        xml("iq", { type: "get" }, xml("question", `${NS}:other`)),
        xml("iq", { type: "get" }, xml("other", NS)),
      ]) {
        await checkCondition(within(a.request(iq), "b to answer"), "service-unavailable", "the answer");
      }
      checkEqual(asked, 0, "times that the handler was asked");
    },
  },
  {
    name: "handlers of one filter are asked in order, until one does not say notMine",
    run: async ({ a, b, within }) => {
      const asked: string[] = [];
      const handler = (name: string) =>
        b.onRequest(asking, ({ payload }) => {
          asked.push(name);
          return payload.getText() === name ? answer(name) : notMine;
        });
      handler("first");
      handler("second");
      handler("third");
      checkEqual(text(await within(a.request(question("second")), "b to answer")), "second", "the answer");
      checkList(asked, ["first", "second"], "handlers that were asked");
      await checkCondition(within(a.request(question("nobody")), "b to answer"), "service-unavailable", "the answer that nobody gives");
    },
  },
  {
    name: "a request handler that was taken away is not asked, and taking it away twice does no harm",
    run: async ({ a, b, within }) => {
      const stop = b.onRequest(asking, () => answer());
      await within(a.request(question()), "b to answer");
      stop();
      stop();
      await checkCondition(within(a.request(question()), "b to answer"), "service-unavailable", "the answer");
    },
  },
  {
    name: "the id of a request is fresh, whatever the element says, and the element stays as it was",
    run: async ({ a, b, within }) => {
      const ids: (string | undefined)[] = [];
      b.onRequest(asking, ({ stanza }) => {
        ids.push(stanza.attrs.id);
        return undefined;
      });
      const iq = question();
      iq.attrs.id = "mine";
      const before = iq.toString();
      await within(a.request(iq), "b to answer");
      await within(a.request(iq), "b to answer again");
      checkEqual(new Set([...ids, "mine"]).size, 3, "ids that differ");
      checkEqual(iq.toString(), before, "the element");
    },
  },
  {
    name: "what is no request is refused before it is sent",
    run: async ({ a, within }) => {
      for (const iq of [xml("iq", { type: "get" }), xml("iq", { type: "result" }, answer()), xml("iq", {}, answer()), xml("iq", { type: "set" }, answer(), answer())]) {
        await checkCode(within(a.request(iq), "the refusal"), "invalid-argument", `a request of ${iq}`);
      }
    },
  },
  {
    name: "a result that nobody asked for changes nothing",
    run: async ({ a, b, within }) => {
      const hearing = new Hearing(a);
      await within(b.send(xml("iq", { type: "result", id: "nobody-asked" }, answer("unasked"))), "b to send");
      b.onRequest(asking, () => answer("asked"));
      checkEqual(text(await within(a.request(question()), "b to answer")), "asked", "the answer");
      checkEqual(hearing.heard.length, 0, "stanzas that handlers were given");
    },
  },
  {
    name: "a second answer to one question changes nothing",
    run: async ({ a, b, within }) => {
      b.onRequest(asking, async ({ stanza }) => {
        await b.send(xml("iq", { type: "result", id: stanza.attrs.id }, answer("first")));
        return answer("second");
      });
      checkEqual(text(await within(a.request(question()), "b to answer")), "first", "the answer");
      b.onRequest(telling, () => answer("third"));
      checkEqual(text(await within(a.request(order()), "b to answer")), "third", "the answer to the next");
    },
  },
];
