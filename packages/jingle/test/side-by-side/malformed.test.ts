import { BalconyError } from "@balcony/channel";
import { malformedTable } from "@balcony/test-kit";
import { parseElement } from "@balcony/xml";
import { NS_SIDE_BY_SIDE, sideBySide } from "../../src/index.js";
import { juliet, Meadow, NS_ONE, NS_TWO, network, romeo, transport } from "../rig.js";

interface Input {
  /** What is within the first `<transport/>`; a good one where nothing is said. */
  readonly offer?: string;
  /** Within a transport-info behind it. */
  readonly info?: string;
}

const good = `<offer way='0' reach='direct'><transport xmlns='${NS_ONE}' sid='a'/></offer>`;
const way = (id: string): string => `<offer way='${id}' reach='relayed'><transport xmlns='${NS_TWO}' sid='b'/></offer>`;

malformedTable<Input>("Ways side by side", {
  rules: [
    { section: "§2", text: "an element says something, and an offer has a way" },
    { section: "§2 a", text: "each says which way it is about" },
    { section: "§2 b", text: "an offer says direct or relayed" },
    { section: "§2 c", text: "offers, answers and infos hold one transport, which is none of this kind" },
    { section: "§2 d", text: "what a way holds is well formed by its own rules" },
    { section: "§3", text: "a way is offered once, by whoever offers, and eight at most" },
    { section: "§3 a", text: "what is about a way follows its offer" },
    { section: "§4", text: "one way is chosen, by whoever offers" },
    { section: "§5", text: "no more than 32 things are said at once" },
  ],
  rows: [
    { name: "nothing in the offer", breaks: "§2", input: { offer: "" }, code: "bad-request" },
    { name: "what nobody knows in the offer", breaks: "§2", input: { offer: "<hello/>" }, code: "bad-request" },
    { name: "an offer of no way", breaks: "§2", input: { offer: "<chosen way='0'/>" }, code: "bad-request" },
    { name: "nothing in an info", breaks: "§2", input: { info: "" }, code: "bad-request" },
    { name: "no way", breaks: "§2 a", input: { offer: good.replace(" way='0'", "") }, code: "bad-request" },
    { name: "a way that is none", breaks: "§2 a", input: { info: "<failed way='a b'/>" }, code: "bad-request" },
    { name: "a way without end", breaks: "§2 a", input: { info: `<failed way='${"1".repeat(17)}'/>` }, code: "bad-request" },
    { name: "no reach", breaks: "§2 b", input: { offer: good.replace(" reach='direct'", "") }, code: "bad-request" },
    { name: "another reach", breaks: "§2 b", input: { offer: good.replace("direct", "sideways") }, code: "bad-request" },
    { name: "no transport", breaks: "§2 c", input: { offer: "<offer way='0' reach='direct'/>" }, code: "bad-request" },
    { name: "something else", breaks: "§2 c", input: { info: "<info way='0'><candidate/></info>" }, code: "bad-request" },
    {
      name: "two transports",
      breaks: "§2 c",
      input: { info: `<info way='0'><transport xmlns='${NS_ONE}' sid='a'/><transport xmlns='${NS_ONE}' sid='a'/></info>` },
      code: "bad-request",
    },
    { name: "itself", breaks: "§2 c", input: { offer: "<offer way='0' reach='direct'><transport/></offer>" }, code: "bad-request" },
    { name: "a transport that its own rules forbid", breaks: "§2 d", input: { offer: good.replace(" sid='a'", "") }, code: "bad-request" },
    { name: "the same later", breaks: "§2 d", input: { info: way("1").replace(" sid='b'", "") }, code: "bad-request" },
    { name: "an info that its own rules forbid", breaks: "§2 d", input: { info: `<info way='0'><transport xmlns='${NS_ONE}'/></info>` }, code: "bad-request" },
    { name: "the same way twice", breaks: "§3", input: { info: way("0") }, code: "bad-request" },
    { name: "the same way twice at once", breaks: "§3", input: { offer: `${good}${good}` }, code: "bad-request" },
    { name: "an offer and its own answer", breaks: "§3", input: { offer: `${good}<answer way='0'><transport xmlns='${NS_ONE}' sid='a'/></answer>` }, code: "unexpected-request" },
    { name: "nine ways", breaks: "§3", input: { info: ["1", "2", "3", "4", "5", "6", "7", "8"].map(way).join("") }, code: "resource-constraint" },
    { name: "an answer of whoever offers", breaks: "§3", input: { info: `<answer way='0'><transport xmlns='${NS_ONE}' sid='a'/></answer>` }, code: "unexpected-request" },
    { name: "an info on nothing", breaks: "§3 a", input: { info: `<info way='7'><transport xmlns='${NS_ONE}' sid='a'/></info>` }, code: "item-not-found" },
    { name: "the end of nothing", breaks: "§3 a", input: { info: "<failed way='7'/>" }, code: "item-not-found" },
    { name: "nothing is chosen", breaks: "§4", input: { info: "<chosen way='7'/>" }, code: "item-not-found" },
    { name: "two are chosen", breaks: "§4", input: { info: `${way("1")}<chosen way='0'/><chosen way='1'/>` }, code: "unexpected-request" },
    { name: "33 at once", breaks: "§5", input: { info: "<failed way='0'/>".repeat(33) }, code: "resource-constraint" },
  ],
  run: async ({ offer = good, info }) => {
    const meadow = new Meadow();
    const made = sideBySide([NS_ONE, NS_TWO].map((namespace) => transport(namespace, meadow, "never", ["direct", "relayed"])));
    const attempt = made.attempt({
      channel: network().connect(juliet).to(romeo),
      role: "responder",
      sid: "j1",
      addresses: { paths: "any", privateNetworks: true },
      sendInfo: async () => undefined,
      progress: () => undefined,
    });
    const element = (within: string) => parseElement(`<transport xmlns='${NS_SIDE_BY_SIDE}'>${within}</transport>`);
    try {
      made.check?.(element(offer));
      await attempt.answer(element(offer));
      if (info !== undefined) attempt.info(element(info));
      return "accepted";
    } catch (error) {
      return error instanceof BalconyError ? (error.condition ?? error.code) : String(error);
    } finally {
      attempt.abort();
    }
  },
});
