import { BalconyError, type StanzaChannel } from "@balcony/channel";
import { childElements, clone, type Element, type Jid, xml } from "@balcony/xml";

/** What is published by an account, and read by others while nobody of it is there (XEP-0163). */
export interface Pep {
  /** The one item of a node of ours; the node is made if it is not there. */
  publish(node: string, payload: Element, access: "open" | "presence"): Promise<void>;
  retract(node: string): Promise<void>;
  /** The payloads of a bare address's node; none where there is no such node, or none for us. */
  items(jid: Jid, node: string): Promise<readonly Element[]>;
}

const NS_PUBSUB = "http://jabber.org/protocol/pubsub";
const ITEM = "current";
const MOST_ITEMS = 16;

/** Over the client's connection to its server. */
export function pepOver(channel: StanzaChannel): Pep {
  const request = async (type: "get" | "set", to: Jid | undefined, ...children: readonly Element[]): Promise<Element> =>
    await channel.request(xml("iq", { type, to }, xml("pubsub", NS_PUBSUB, [...children])));
  return {
    publish: async (node, payload, access) => {
      const option = (name: string, value: string): Element => xml("field", { var: name }, xml("value", {}, value));
      // XEP-0187: never pushed, and for presence subscribers alone unless it is for everybody.
      const options = xml(
        "x",
        { xmlns: "jabber:x:data", type: "submit" },
        xml("field", { var: "FORM_TYPE", type: "hidden" }, xml("value", {}, `${NS_PUBSUB}#publish-options`)),
        option("pubsub#access_model", access),
        option("pubsub#send_last_published_item", "never"),
      );
      const publish = async (): Promise<unknown> =>
        await request("set", undefined, xml("publish", { node }, xml("item", { id: ITEM }, clone(payload))), xml("publish-options", {}, clone(options)));
      await publish().catch(async (error: unknown) => {
        if (conditionOf(error) !== "conflict") throw error;
        // XEP-0060 §7.1.5: the node is there with other options, and what was published so is ours to take away.
        await channel.request(xml("iq", { type: "set" }, xml("pubsub", `${NS_PUBSUB}#owner`, xml("delete", { node }))));
        await publish();
      });
    },
    retract: async (node) => {
      await request("set", undefined, xml("retract", { node }, xml("item", { id: ITEM }))).catch(ignoreMissing);
    },
    items: async (jid, node) => {
      const answer = await request("get", jid, xml("items", { node })).catch(ignoreMissing);
      const items = answer?.getChild("pubsub", NS_PUBSUB)?.getChild("items")?.getChildren("item") ?? [];
      return items.slice(0, MOST_ITEMS).flatMap((item) => childElements(item).slice(0, 1));
    },
  };
}

const NOTHING = ["item-not-found", "forbidden", "not-authorized", "service-unavailable", "feature-not-implemented"];

const conditionOf = (error: unknown): string | undefined => (error instanceof BalconyError ? error.condition : undefined);

function ignoreMissing(error: unknown): undefined {
  if (NOTHING.includes(conditionOf(error) ?? "")) return undefined;
  throw error;
}
