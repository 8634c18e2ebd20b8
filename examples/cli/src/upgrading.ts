import type { Balcony, Session } from "balcony";
import type { UpgradePolicy } from "./options.js";
import type { Mark, Output } from "./output.js";
import { printable } from "./printable.js";

/** What a person can type to upgrade; the conversation lists it. */
export const upgradingCommands: Readonly<Record<string, string>> = { "/upgrade": "from an ESession to an end-to-end stream, once their client has them" };

/** With whom, and when. */
export interface UpgradeOptions {
  readonly e2e: Balcony;
  readonly policy: UpgradePolicy;
}

/** For a pipe, whose bytes stay where they are: only told of. @returns what ends that */
export function tellUpgradable(session: Session, { e2e, policy }: UpgradeOptions, output: Output): () => void {
  const tell = (able: Session): void => {
    if (able !== session) return;
    output.tell({ event: "upgradable", peer: able.peer }, `the client of ${printable(able.peer)} has end-to-end streams by now: open anew to have one`, "note");
  };
  if (policy !== "never") e2e.on("upgradable", tell);
  return () => void e2e.off("upgradable", tell);
}

/** How a session that is an ESession becomes a stream: told of when it can, and done when the person says so, or by policy. */
export class Upgrading {
  #stream: Promise<Session | undefined> | undefined;
  readonly #name: string;
  readonly #able = (able: Session): void => {
    if (able !== this.session) return;
    this.output.tell({ event: "upgradable", peer: able.peer });
    if (this.options.policy === "always") this.begin();
    else this.#say("upgradable", `The client of ${this.#name} has end-to-end streams by now: /upgrade goes on in one.`, "note");
  };

  /** @param redrawing does something that writes lines while a prompt stands, and draws it again */
  constructor(
    private readonly session: Session,
    private readonly options: UpgradeOptions,
    private readonly output: Output,
    private readonly redrawing: (work: () => void) => void,
  ) {
    this.#name = printable(session.peer.split("/")[0] ?? session.peer);
    if (options.policy !== "never") options.e2e.on("upgradable", this.#able);
  }

  /** Opens a stream, behind which the ESession is closed. Meanwhile it stands as before, and where there is no stream, it goes on. */
  begin(): void {
    if (this.#stream) {
      this.#say("upgrading-already", "A stream is being opened already.", "warning");
      return;
    }
    this.#say("upgrading", `Opening a stream with ${this.#name}; until it stands, the ESession goes on.`, "step");
    this.#stream = this.options.e2e.upgrade(this.session).catch((error: unknown) => {
      this.#stream = undefined;
      this.redrawing(() => this.output.fail(error));
      return undefined;
    });
  }

  /** What goes on where the session has ended: a stream, if one was asked for and comes to stand. */
  async ended(): Promise<Session | undefined> {
    this.options.e2e.off("upgradable", this.#able);
    return await this.#stream;
  }

  /** The person has had enough: a stream that is being opened is closed again. */
  leave(): void {
    void this.ended().then(async (stream) => await stream?.close());
  }

  #say(what: string, text: string, mark: Mark): void {
    this.redrawing(() => this.output.tell({ event: "upgrading", what }, text, mark));
  }
}
