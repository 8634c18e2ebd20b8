import { xml } from "@balcony/xml";
import { check, checkEqual, checkList } from "./check.js";
import { Hearing, message, NS, type StanzaCase } from "./stanza-case.js";

/** Stanzas arrive whole, in order, and from whom they are. */
export const carryingCases: readonly StanzaCase[] = [
  {
    name: "each side knows itself and the other",
    run: async ({ a, b }) => {
      checkEqual(a.peer, b.self, "a.peer");
      checkEqual(b.peer, a.self, "b.peer");
      check(!a.closed.aborted && !b.closed.aborted, "a new channel is open");
    },
  },
  {
    name: "a message arrives, from the channel's peer",
    run: async ({ a, b, within }) => {
      const hearing = new Hearing(b);
      await within(a.send(message("hello")), "a to send");
      const [received] = await within(hearing.upTo(1), "b to hear it");
      checkEqual(received?.stanza.name, "message", "name of the stanza");
      checkEqual(received?.stanza.attrs.type, "chat", "its type");
      checkList(hearing.bodies, ["hello"], "bodies that b heard");
      checkEqual(received?.from, a.self, "from");
    },
  },
  {
    name: "presence arrives, the other way",
    run: async ({ a, b, within }) => {
      const hearing = new Hearing(a);
      await within(b.send(xml("presence", {}, xml("show", {}, "away"))), "b to send");
      const [received] = await within(hearing.upTo(1), "a to hear it");
      checkEqual(received?.stanza.name, "presence", "name of the stanza");
      checkEqual(received?.stanza.getChildText("show"), "away", "show");
      checkEqual(received?.from, b.self, "from");
    },
  },
  {
    name: "many stanzas arrive in order, both ways at once",
    run: async ({ a, b, within }) => {
      const [atA, atB] = [new Hearing(a), new Hearing(b)];
      const texts = Array.from({ length: 200 }, (_, index) => `number ${index}`);
      await within(Promise.all(texts.flatMap((text) => [a.send(message(text)), b.send(message(text))])), "both to send");
      await within(Promise.all([atA.upTo(200), atB.upTo(200)]), "both to hear them");
      checkList(atA.bodies, texts, "what a heard");
      checkList(atB.bodies, texts, "what b heard");
    },
  },
  {
    name: "characters that XML has to escape survive, in text and in attributes",
    run: async ({ a, b, within }) => {
      const odd = `& < > " ' &amp; ]]> <!-- --> Grüße 🐶 \u202e \u00a0 \ufffd`;
      const hearing = new Hearing(b);
      await within(a.send(xml("message", {}, xml("body", {}, odd), xml("x", { xmlns: NS, odd }))), "a to send");
      const [received] = await within(hearing.upTo(1), "b to hear it");
      checkEqual(received?.stanza.getChildText("body"), odd, "text");
      checkEqual(received?.stanza.getChild("x", NS)?.attrs.odd, odd, "attribute");
    },
  },
  {
    name: "white space in text survives",
    run: async ({ a, b, within }) => {
      const space = "  two\n\n\tlines  ";
      const hearing = new Hearing(b);
      await within(a.send(message(space)), "a to send");
      await within(hearing.upTo(1), "b to hear it");
      checkList(hearing.bodies, [space], "text");
    },
  },
  {
    name: "elements within elements keep their names, namespaces, order and text",
    run: async ({ a, b, within }) => {
      const hearing = new Hearing(b);
      const content = xml("x", NS, xml("one", {}, "1"), "between", xml("two", "urn:example:other", xml("three", {}, "3")), xml("one", { n: "2" }));
      await within(a.send(xml("message", {}, content)), "a to send");
      const [received] = await within(hearing.upTo(1), "b to hear it");
      const x = received?.stanza.getChild("x", NS);
      checkEqual(x?.getChildren("one", NS).length, 2, "elements one");
      checkEqual(x?.getChildren("one")[1]?.attrs.n, "2", "attribute of the second");
      checkEqual(x?.getChild("two", "urn:example:other")?.getChild("three", "urn:example:other")?.getText(), "3", "text of the innermost, in the namespace it inherits");
      checkEqual(x?.children[1], "between", "text between elements");
    },
  },
  {
    name: "a big stanza arrives whole, and small ones behind it",
    run: async ({ a, b, size, within }) => {
      const hearing = new Hearing(b);
      const big = "0123456789".repeat(Math.ceil(size / 10)).slice(0, size);
      await within(Promise.all([a.send(message(big)), a.send(message("small"))]), "a to send");
      await within(hearing.upTo(2), "b to hear both");
      checkEqual(hearing.bodies[0]?.length, size, "length of the big text");
      check(hearing.bodies[0] === big, "the big text arrived with something changed");
      checkEqual(hearing.bodies[1], "small", "the text behind it");
    },
  },
  {
    name: "an empty stanza arrives",
    run: async ({ a, b, within }) => {
      const hearing = new Hearing(b);
      await within(a.send(xml("presence")), "a to send");
      const [received] = await within(hearing.upTo(1), "b to hear it");
      checkEqual(received?.stanza.name, "presence", "name of the stanza");
    },
  },
  {
    name: "what is sent stays as it was, and can be sent again",
    run: async ({ a, b, within }) => {
      const hearing = new Hearing(b);
      const stanza = message("twice");
      const before = stanza.toString();
      await within(a.send(stanza), "a to send");
      await within(a.send(stanza), "a to send again");
      await within(hearing.upTo(2), "b to hear both");
      checkList(hearing.bodies, ["twice", "twice"], "what b heard");
      checkEqual(stanza.toString(), before, "the element that was sent");
      checkEqual(stanza.parent, null, "its parent");
    },
  },
  {
    name: "handlers are asked in the order in which they came, until one has dealt with it",
    run: async ({ a, b, within }) => {
      const asked: string[] = [];
      b.onStanza(() => void asked.push("first"));
      b.onStanza(({ stanza }) => asked.push("second") > 0 && stanza.getChildText("body") === "for the second");
      const third = new Hearing(b);
      await within(a.send(message("for the second")), "a to send");
      await within(a.send(message("for all")), "a to send again");
      await within(third.upTo(1), "the third handler to be asked");
      checkList(asked, ["first", "second", "first", "second"], "handlers that were asked");
      checkList(third.bodies, ["for all"], "what got to the third");
    },
  },
  {
    name: "a handler that throws does not keep the others from hearing",
    run: async ({ a, b, within }) => {
      b.onStanza(() => {
        throw new Error("a handler of the suite throws");
      });
      const hearing = new Hearing(b);
      await within(a.send(message("one")), "a to send");
      await within(a.send(message("two")), "a to send again");
      await within(hearing.upTo(2), "the other handler to be asked");
      checkList(hearing.bodies, ["one", "two"], "what it heard");
    },
  },
  {
    name: "a handler that was taken away hears nothing more, and taking it away twice does no harm",
    run: async ({ a, b, within }) => {
      const [gone, staying] = [new Hearing(b), new Hearing(b)];
      await within(a.send(message("one")), "a to send");
      await within(staying.upTo(1), "b to hear it");
      gone.stop();
      gone.stop();
      await within(a.send(message("two")), "a to send again");
      await within(staying.upTo(2), "b to hear it");
      checkList(gone.bodies, ["one"], "what the one taken away heard");
      checkList(staying.bodies, ["one", "two"], "what the other heard");
    },
  },
];
