import { BalconyError, readStanzaError, type StanzaChannel, type StanzaCondition, type WaitOptions, withDeadline, writeStanzaError } from "@balcony/channel";
import { childElements, type Element, type Jid, xml } from "@balcony/xml";
import { wrapForm } from "./envelope.js";
import { type FieldSpec, type Form, flag, required, single, writeForm } from "./form.js";
import { NS_FEATURE, NS_SSN } from "./namespaces.js";
import { asNamed, type Logging, loggingAs, loggingOf } from "./parameters.js";

/** Milliseconds for the other side, whose person may be asked. */
const TIMEOUT = 60_000;

/** Whether the other side may have something other than what was agreed on. Asked only where it would be less than now. */
export type Renegotiate = (wanted: { readonly peer: Jid; readonly logging: Logging }) => boolean | Promise<boolean>;

interface RenegotiationOptions {
  readonly peer: Jid;
  readonly role: "initiator" | "responder";
  readonly logging: Logging | undefined;
  readonly allow: Renegotiate | undefined;
  readonly closed: StanzaChannel["closed"];
  /** Encrypts and sends a message. */
  readonly send: (message: Element) => Promise<void>;
  readonly report: (error: unknown) => void;
  /** The two sides do not agree on what they have agreed: the session cannot go on. */
  readonly broken: (error: BalconyError) => void;
}

interface Request {
  readonly logging: Logging;
  readonly resolve: () => void;
  readonly reject: (error: BalconyError) => void;
}

/** The fields that a request may name. Of `disclosure` and `security` an ESession has one value each, and everything else its keys hang on. */
const ONE_VALUE: Readonly<Record<string, string>> = { disclosure: "never", disclose: "never", security: "e2e" };
const KNOWN = ["FORM_TYPE", "renegotiate", "logging", "otr", ...Object.keys(ONE_VALUE)];

/**
 * Renegotiation within a session (XEP-0155, "Renegotiating a Session"), encrypted like everything in it: whether a transcript may be kept.
 *
 * | what comes            | while                                | what is done                                                              |
 * |-----------------------|--------------------------------------|---------------------------------------------------------------------------|
 * | form                  | our own request waits, as initiator  | rejected: of two requests that cross, the session's initiator's goes on   |
 * | form                  | one of theirs is looked into         | rejected                                                                  |
 * | form, unknown field   |                                      | feature-not-implemented if it is required; else it is left out            |
 * | form, no known option |                                      | not-acceptable with the fields                                            |
 * | form                  |                                      | accepted if it is no less than now, or allowed; else rejected             |
 * | submit, 1             | ours waits                           | agreed; something we did not ask for ends the session, `esession-options` |
 * | submit, 0             | ours waits                           | `declined`: what was agreed on before holds                               |
 * | error                 | ours waits                           | `stanza-error`: what was agreed on before holds                           |
 * | submit or error       | nothing waits                        | nothing                                                                   |
 */
export class Renegotiation {
  #logging: Logging | undefined;
  #own: Request | undefined;
  #asked = false;

  constructor(private readonly options: RenegotiationOptions) {
    this.#logging = options.logging;
  }

  get logging(): Logging | undefined {
    return this.#logging;
  }

  /**
   * Asks the other side for another agreement.
   * @throws `declined`, `stanza-error`, `tie-break`, `timeout`, `aborted`, `closed`; `invalid-argument` while another request of ours waits
   */
  async ask(logging: Logging, { signal, timeout = TIMEOUT }: WaitOptions): Promise<void> {
    const { closed, peer, send } = this.options;
    closed.throwIfAborted();
    if (this.#own) throw new BalconyError("invalid-argument", "A renegotiation of ours waits for its answer.", { peer });
    if (this.#asked) throw new BalconyError("tie-break", "The other side has just asked for the same.", { peer });
    const fields: readonly FieldSpec[] = [
      ["FORM_TYPE", [NS_SSN], "hidden"],
      ["renegotiate", ["1"], "boolean"],
      ["logging", [logging], "list-single"],
    ];
    let onClosed = (): void => undefined;
    const answered = new Promise<void>((resolve, reject) => {
      this.#own = { logging, resolve, reject };
      onClosed = () => {
        const reason: BalconyError = closed.reason;
        reject(reason);
      };
      closed.addEventListener("abort", onClosed, { once: true });
    });
    try {
      await Promise.all([
        send(xml("message", {}, wrapForm(writeForm("form", fields), "feature"))),
        withDeadline(answered, { timeout, signal, waitingFor: `${peer} to answer a renegotiation` }),
      ]);
    } finally {
      closed.removeEventListener("abort", onClosed);
      this.#own = undefined;
    }
  }

  /** Takes a form with `renegotiate`, decrypted. @throws `esession-form` */
  take(message: Element, form: Form): void {
    if (message.attrs.type === "error") this.#own?.reject(readStanzaError(message));
    else if (form.type === "form") this.#requested(message, form);
    else if (form.type === "submit") this.#answered(form);
  }

  #requested(message: Element, form: Form): void {
    const refuse = (condition: StanzaCondition, fields: readonly string[]): void => this.#send(refusal(message, condition, fields));
    if (flag(form, "renegotiate") !== true || form.fields.has("accept")) {
      refuse("not-acceptable", [form.fields.has("accept") ? "accept" : "renegotiate"]);
      return;
    }
    const unknown = required(form).filter((name) => !KNOWN.includes(name));
    if (unknown.length > 0) {
      refuse("feature-not-implemented", unknown);
      return;
    }
    const name = asNamed(form, "logging");
    const wanted = loggingOf(form);
    const unsupported = Object.entries(ONE_VALUE)
      .filter(([field, value]) => form.fields.has(field) && !form.fields.get(field)?.includes(value))
      .map(([field]) => field);
    if (form.fields.has(name) && wanted.length === 0) unsupported.push(name);
    if (unsupported.length > 0) {
      refuse("not-acceptable", unsupported);
      return;
    }
    if (this.#asked || (this.#own && this.options.role === "initiator")) {
      this.#answer(form, undefined);
      return;
    }
    this.#asked = true;
    this.#choose(wanted)
      .catch((error: unknown) => {
        this.options.report(error);
        return undefined;
      })
      .then((logging) => {
        this.#asked = false;
        this.#answer(form, form.fields.has(name) ? logging : this.#logging);
      })
      .catch(this.options.report);
  }

  /** The first that will do, in their order. */
  async #choose(wanted: readonly Logging[]): Promise<Logging | undefined> {
    const { allow, peer } = this.options;
    for (const logging of wanted) {
      if (logging === "mustnot" || logging === this.#logging || (await allow?.({ peer, logging }))) return logging;
    }
    return undefined;
  }

  #answer(form: Form, logging: Logging | undefined): void {
    if (this.options.closed.aborted) return;
    const name = asNamed(form, "logging");
    const accepted = logging !== undefined || !form.fields.has(name);
    if (accepted) this.#logging = logging;
    const others = Object.entries(ONE_VALUE).filter(([field]) => form.fields.has(field));
    const fields: readonly (readonly [name: string, value: string])[] = [
      ["FORM_TYPE", NS_SSN],
      ["renegotiate", accepted ? "1" : "0"],
      ...(logging && form.fields.has(name) ? [loggingAs(name, logging)] : []),
      ...(accepted ? others : []),
    ];
    this.#send(
      xml(
        "message",
        {},
        wrapForm(
          writeForm(
            "submit",
            fields.map(([field, value]) => [field, [value]]),
          ),
          "feature",
        ),
      ),
    );
  }

  #answered(form: Form): void {
    const own = this.#own;
    if (!own) return;
    this.#own = undefined;
    const { broken, peer } = this.options;
    if (flag(form, "renegotiate") !== true) {
      own.reject(new BalconyError("declined", "The other side declined the renegotiation.", { phase: "session", peer }));
      return;
    }
    const [logging] = single(form, asNamed(form, "logging")) === undefined ? [] : loggingOf(form);
    if (logging === own.logging) {
      this.#logging = logging;
      own.resolve();
      return;
    }
    broken(new BalconyError("esession-options", "The other side agreed to something that it was not asked for.", { phase: "session", peer }));
  }

  #send(message: Element): void {
    this.options.send(message).catch(this.options.report);
  }
}

/** XEP-0155, "Rejecting a Session", within a session. */
function refusal(message: Element, condition: StanzaCondition, fields: readonly string[]): Element {
  const named = fields.map((name) => xml("field", { var: name }));
  const error = writeStanzaError({ type: "cancel", condition, application: xml("feature", NS_FEATURE, named) });
  return xml("message", { type: "error" }, childElements(message), error);
}
