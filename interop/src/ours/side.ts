import type { Role } from "../contract.js";
import type { PeerProcess } from "../peer-process.js";

/** What Balcony's own end of a cell is told. */
export interface OurTask {
  /** Our own role: the other one than the peer's. */
  readonly role: Role;
  /** `xmpp://host:port`, or `tcp://host:port` where we connect to the peer, or the peer to us. */
  readonly service: string;
  /** Our full address. */
  readonly self: string;
  readonly password: string;
  /** The peer's full address. */
  readonly peer: string;
  readonly options: Readonly<Record<string, unknown>>;
  /** Aborted when the cell's time is up. */
  readonly signal: AbortSignal;
  /** Told of every stanza on our side. */
  readonly log: (direction: "in" | "out" | "note", text: string) => void;
}

/** Balcony's end, ready for the peer to be started. */
export interface OurSide {
  /** Plays the cell; rejects with what went otherwise than it should. */
  run(peer: PeerProcess): Promise<void>;
  close(): Promise<void>;
}

/** The cell did not go as the layer says. */
export class CellFailure extends Error {
  override readonly name = "CellFailure";
}

export function expect(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new CellFailure(otherwise);
}
