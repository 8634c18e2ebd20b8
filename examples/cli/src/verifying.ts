import { BalconyError } from "@balcony/channel";
import type { Ceremony, Session, VerificationRequest } from "balcony";
import type { Mark, Output } from "./output.js";
import { printable } from "./printable.js";

/** What a person can type to verify; the conversation lists it. */
export const verifyingCommands: Readonly<Record<string, string>> = {
  "/verify": "find out, both of you, whether somebody is between you",
  "/verify aloud": "the same: they read three numbers aloud, you type them",
  "/cancel": "stop that, or say no to it",
};

/** The verification of one conversation: what the person types for it, and what they are told. */
export class Verifying {
  #request: VerificationRequest | undefined;
  #ceremony: Ceremony | undefined;
  #waiting: AbortController | undefined;
  readonly #name: string;

  /**
   * @param redrawing does something that writes lines while a prompt stands, and draws it again
   * @param onOver told of the end of each verification that was begun here or taken, with why where it failed; true: whoever called tells of that
   */
  constructor(
    private readonly session: Session,
    private readonly output: Output,
    private readonly redrawing: (work: () => void) => void,
    private readonly onOver: (error: unknown) => boolean = () => false,
  ) {
    this.#name = printable(session.peer.split("/")[0] ?? session.peer);
    session.on("verification", (request) => this.#asked(request));
    session.once("unrestricted", () => this.#say("unrestricted", `Both of you are verified: what you type now goes to ${this.#name}.`, "done"));
  }

  /** Takes what was typed, where it is about verification. */
  obey(typed: string): boolean {
    const [command = "", ...rest] = typed.split(/\s+/u);
    if (command === "/verify") this.begin(rest[0] === "aloud");
    else if (command === "/same") this.#with((ceremony) => ceremony.confirm());
    else if (command === "/different") this.#with((ceremony) => ceremony.differ());
    else if (command === "/heard") this.#with((ceremony) => this.#heard(ceremony, rest.join(" ")));
    else if (command === "/cancel") this.#cancel();
    else return false;
    return true;
  }

  /** Is one under way? */
  get open(): boolean {
    return this.#ceremony !== undefined || this.#waiting !== undefined;
  }

  begin(readAloud: boolean): void {
    if (this.open) {
      this.#say("open-already", "A verification is open already.", "warning");
      return;
    }
    const taken = this.#request;
    this.#request = undefined;
    this.#waiting = new AbortController();
    if (!taken) this.#say("asking", `Asking ${this.#name} to verify with you (at most 10 minutes; /cancel stops it).`, "step");
    (taken?.accept() ?? this.session.verify({ readAloud, signal: this.#waiting.signal })).then(
      (ceremony) => this.#show(ceremony),
      (error: unknown) => this.#over(error),
    );
  }

  #asked(request: VerificationRequest): void {
    this.#request = request;
    const what = request.mode === "read" ? "They want to type three numbers that you read to them by voice." : "You will both see the same symbols, and compare them by voice.";
    this.output.tell({ event: "verification-requested", peer: request.peer, mode: request.mode });
    this.#say("requested", `${this.#name} wants to verify that nobody is between you. ${what} /verify takes it, /cancel says no.`, "warning");
  }

  #show(ceremony: Ceremony): void {
    this.#waiting = undefined;
    this.#ceremony = ceremony;
    ceremony.on("end", (error) => this.#over(error));
    ceremony.on("peer", (says) =>
      this.#say(
        says === "match" ? "peer-says-same" : "peer-says-different",
        says === "match" ? `${this.#name} says that they are the same.` : `${this.#name} says that they differ.`,
        "step",
      ),
    );
    const lines = words(ceremony, this.#name);
    const symbols = ceremony.mode === "type" ? {} : { symbols: ceremony.symbols };
    this.output.tell({ event: "verification", peer: this.session.peer, mode: ceremony.mode, ...symbols });
    this.redrawing(() => {
      if (!this.output.json) for (const line of lines) this.output.tell({ event: "verification" }, line);
    });
  }

  async #heard(ceremony: Ceremony, numbers: string): Promise<void> {
    if (await ceremony.enter(numbers)) this.#say("right", "That is right. Tell them, by voice, that it was accepted.", "done");
    else this.#say("wrong", "That is not what stands here. Ask them to read all three numbers once more, and type /heard and the numbers.", "warning");
  }

  #with(work: (ceremony: Ceremony) => Promise<void>): void {
    if (!this.#ceremony) {
      this.#say("nothing-open", "There is nothing to compare: /verify begins.", "warning");
      return;
    }
    work(this.#ceremony).catch((error: unknown) => {
      if (error instanceof BalconyError && error.code === "invalid-argument") this.#say("unusable", error.message, "warning");
    }); // how a ceremony ends is told by #over
  }

  #cancel(): void {
    const request = this.#request;
    this.#request = undefined;
    if (request) void request.decline().then(() => this.#say("declined", "You said no.", "step"));
    else if (this.#waiting) this.#waiting.abort(new BalconyError("verification-cancelled", "You cancelled the verification."));
    else if (this.#ceremony) void this.#ceremony.cancel();
    else this.#say("nothing-open", "There is nothing to cancel.", "warning");
  }

  #over(error: unknown): void {
    const open = this.#ceremony ?? this.#waiting;
    this.#ceremony = undefined;
    this.#waiting = undefined;
    if (!open) return;
    if (error !== undefined) {
      if (!this.onOver(error)) this.redrawing(() => this.output.fail(error));
      return;
    }
    this.output.tell({ event: "verified", peer: this.session.peer, ...this.session.security.verified });
    this.#say("done", `Verified: nobody is between you and ${this.#name}. From now on this key is known as theirs.`, "done");
    this.onOver(undefined);
  }

  #say(what: string, text: string, mark: Mark): void {
    this.redrawing(() => this.output.tell({ event: "verifying", what }, text, mark));
  }
}

function words(ceremony: Ceremony, name: string): readonly string[] {
  const place = `Call ${name}, or sit beside them. Not in this chat, nor any other: whoever is between you would see it.`;
  if (ceremony.mode === "type") return [place, "Ask them to read you the three numbers on their screen. Then type /heard and the numbers:", "  /heard 1234 1234 1234"];
  const { emoji, numbers } = ceremony.symbols;
  const shown = ["", `  ${emoji.map(({ symbol, name: word }) => `${symbol} ${word}`).join("   ")}`, `  ${numbers.join("   ")}`, ""];
  if (ceremony.mode === "read") return [place, "Read them these three numbers:", ...shown, "Did they tell you, by voice, that it was accepted? /same. That it was not? /different"];
  return [place, "Compare what you both see; the emoji or the numbers, either is enough:", ...shown, "Are they the same on both screens? /same. Is anything different? /different"];
}
