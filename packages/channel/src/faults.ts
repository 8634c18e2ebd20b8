/** Faults of both directions of a pair, each in the order in which it works. */
export interface Faults<Fault> {
  readonly aToB?: readonly Fault[];
  readonly bToA?: readonly Fault[];
}
