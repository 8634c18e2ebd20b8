/** What a router of one protocol does. */
export interface Router {
  readonly by: "UPnP" | "NAT-PMP";
  /** IP address. */
  readonly host: string;
  map(local: { readonly host: string; readonly port: number }, signal: AbortSignal): Promise<{ readonly host: string; readonly port: number }>;
  /** Lets go of everything; with the mapping, of that too. */
  close(mapping?: { readonly localPort: number; readonly port: number }): Promise<void>;
}

/** Finds routers until the signal is aborted. */
export type FindRouters = (signal: AbortSignal) => AsyncIterable<Router>;
