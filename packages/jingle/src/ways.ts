import type { AddressPolicy } from "./address-policy.js";
import type { Reach, Transport } from "./plugins.js";

/** One attempt that may be made: a transport, and what of it. */
export interface Way {
  readonly namespace: string;
  /** Undefined: all at once. */
  readonly reach?: Reach | undefined;
  /** Namespace of another way that covers this one. */
  readonly within?: string | undefined;
}

type Known = Pick<Transport, "namespace" | "reaches" | "covers">;

/**
 * Direct before relayed: a transport that leads to a peer both ways is tried for direct paths in its place, and for relayed ones once no other leads directly. Where nothing else would
 * come between the two, they are one attempt. Where the policy has it one way only, each transport is tried once.
 * @param transports in order of preference
 */
export function ways(transports: readonly Known[], paths: AddressPolicy["paths"]): Way[] {
  const within = (way: Way): Way => {
    const cover = transports.find(({ covers }) => covers?.includes(way.namespace))?.namespace;
    return cover === undefined ? way : { ...way, within: cover };
  };
  return inOrder(transports, paths).map(within);
}

function inOrder(transports: readonly Known[], paths: AddressPolicy["paths"]): Way[] {
  if (paths !== "any") return transports.map(({ namespace }) => ({ namespace }));
  const both = ({ reaches }: Known): boolean => reaches?.includes("direct") === true && reaches.includes("relayed");
  const first = transports.filter(({ reaches }) => reaches?.includes("direct") !== false);
  const then = transports.filter((transport) => both(transport) || !first.includes(transport));
  const [last, next] = [first.at(-1), then[0]];
  const joined = last !== undefined && last === next;
  return [
    ...first.map((transport): Way => ({ namespace: transport.namespace, ...(both(transport) && !(joined && transport === last) && { reach: "direct" }) })),
    ...then.slice(joined ? 1 : 0).map((transport): Way => ({ namespace: transport.namespace, ...(both(transport) && { reach: "relayed" }) })),
  ];
}

/** Those that may be used, in their order. */
export function wanted<T extends Pick<Transport, "namespace">>(known: Iterable<T>, some: readonly Pick<Transport, "namespace">[] | undefined): T[] {
  return [...known].filter(({ namespace }) => some === undefined || some.some((one) => one.namespace === namespace));
}
