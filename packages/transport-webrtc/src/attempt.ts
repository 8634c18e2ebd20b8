import { BalconyError, stanzaError, withDeadline } from "@balcony/channel";
import { addressKind, addressRefusal, type Connection, type TransportAttempt, type TransportContext } from "@balcony/jingle";
import type { Element } from "@balcony/xml";
import { type Candidate, describe } from "./candidate.js";
import { ChannelBytes } from "./channel-bytes.js";
import { type Credentials, type Description, type Info, readDescription, readInfo, writeDescription, writeInfo } from "./description.js";
import { nativeConnection } from "./native.js";
import type { WebrtcOptions } from "./options.js";
import type { DataChannel, PeerConnection } from "./peer-connection.js";
import { MID, readCandidateLine, readSdp, writeCandidateLine, writeSdp } from "./sdp.js";

/** ms that an offer or answer waits for candidates; what comes later is sent behind it. */
const FIRST_CANDIDATES = 100;
const TIMEOUT = 15_000;

/** One offer and its answer. */
export class WebrtcAttempt implements TransportAttempt {
  #connection: PeerConnection | undefined;
  #own: Description | undefined;
  #remote: Description | undefined;
  /** Resolves once the peer's description is in place. */
  #placed: Promise<unknown> = Promise.resolve();
  #isPlaced = false;
  /** The channel's, before it is open; then what connect() gave away. */
  #pending: ChannelBytes | undefined;
  #bytes: ChannelBytes | undefined;
  #announced = false;
  #aborted = false;
  readonly #gathered: Candidate[] = [];
  readonly #held: Info[] = [];
  #opened!: (bytes: ChannelBytes) => void;
  #failed!: (error: BalconyError) => void;
  readonly #open = new Promise<ChannelBytes>((resolve, reject) => {
    this.#opened = resolve;
    this.#failed = reject;
  });

  constructor(
    private readonly context: TransportContext,
    private readonly options: WebrtcOptions,
  ) {
    this.#open.catch(() => undefined); // connect() hears of it, where it is called
  }

  async offer(): Promise<Element> {
    const connection = await this.#begin();
    this.#use(connection.createDataChannel(this.context.sid, { ordered: true }));
    const description = await connection.createOffer();
    return await this.#describe(connection, description);
  }

  async answer(offer: Element): Promise<Element> {
    this.#remote = readDescription(offer, "offer");
    const connection = await this.#begin();
    await this.#place("offer");
    return await this.#describe(connection, await connection.createAnswer());
  }

  accepted(answer: Element): void {
    const remote = readDescription(answer, "answer");
    this.#remote = remote;
    for (const info of this.#held) checkInfo(info, remote);
    this.#placed = this.#place("answer");
    this.#placed.catch((cause: unknown) => this.#fail(new BalconyError("webrtc-failed", "The answer fits no connection.", { cause })));
  }

  info(transport: Element): void {
    const info = readInfo(transport);
    if (this.#remote) checkInfo(info, this.#remote);
    if (this.#isPlaced) {
      this.#try(info.candidates);
      return;
    }
    // The peer's candidates may come before its answer (XEP-0176 §5.5), and while our connection is being made.
    if (this.#held.length >= 32) throw stanzaError("resource-constraint", { text: "too much before the answer" });
    this.#held.push(info);
  }

  async connect(signal: AbortSignal): Promise<Connection> {
    const { progress, channel } = this.context;
    await this.#placed;
    progress("webrtc: checking candidates");
    const { timeout = TIMEOUT } = this.options;
    let bytes: ChannelBytes;
    try {
      bytes = await withDeadline(this.#open, { timeout, signal, waitingFor: `a WebRTC connection with ${channel.peer ?? "the peer"}` });
    } catch (error) {
      await this.#tellPairs();
      throw error;
    }
    const path = await this.#path();
    if (bytes.destroyed) throw bytes.errored ?? new BalconyError("connection-lost", "The WebRTC connection broke.");
    this.#bytes = bytes;
    return { bytes, path };
  }

  abort(): void {
    this.#aborted = true;
    if (this.#bytes) return;
    this.#fail(new BalconyError("closed", "The WebRTC attempt was given up."));
  }

  // ---- the connection

  async #begin(): Promise<PeerConnection> {
    const { addresses, reach } = this.context;
    const relayOnly = addresses.paths === "relayed" || reach === "relayed";
    const servers = this.options.servers ?? this.context.servers ?? [];
    const known = typeof servers === "function" ? await servers() : servers;
    const usable = addresses.paths === "direct" ? known.filter(({ urls }) => ![urls].flat().some((url) => url.startsWith("turn"))) : known;
    if (relayOnly && !known.some(({ urls }) => [urls].flat().some((url) => url.startsWith("turn")))) {
      throw new BalconyError("webrtc-failed", "Nothing but a relay is wanted, and no TURN server is known.");
    }
    const make = this.options.connection ?? nativeConnection() ?? (await import("./werift/connection.js")).weriftConnection;
    const connection = await make({ servers: usable, relayOnly, ca: this.options.ca, loopback: addresses.dangerouslyUseLoopback === true });
    if (this.#aborted) {
      connection.close();
      throw new BalconyError("closed", "The WebRTC attempt was given up.");
    }
    this.#connection = connection;
    connection.addEventListener("icecandidate", ({ candidate }) => this.#gather(candidate?.candidate));
    connection.addEventListener("datachannel", ({ channel }) => this.#take(channel));
    connection.addEventListener("connectionstatechange", () => {
      if (connection.connectionState !== "failed") return;
      // Where it had connected the peer has answered no check for half a minute: it no longer consents to what we send (RFC 7675 §5.1).
      this.#fail(
        this.#bytes
          ? new BalconyError("connection-lost", "Nobody answers on this path any more.")
          : new BalconyError("webrtc-failed", "No pair of candidates works, or DTLS failed."),
      );
    });
    return connection;
  }

  async #describe(connection: PeerConnection, description: Awaited<ReturnType<PeerConnection["createOffer"]>>): Promise<Element> {
    const complete = connection.setLocalDescription(description);
    await withDeadline(complete, { timeout: FIRST_CANDIDATES, waitingFor: "candidates" }).catch((error: unknown) => {
      if (!(error instanceof BalconyError && error.code === "timeout")) throw error;
    });
    complete.catch((cause: unknown) => this.#fail(new BalconyError("webrtc-failed", "Candidates could not be gathered.", { cause })));
    const own = { ...readSdp(connection.localDescription?.sdp ?? description.sdp), candidates: [...this.#gathered] };
    this.#own = own;
    this.#announced = true;
    return writeDescription(own);
  }

  async #place(type: "offer" | "answer"): Promise<void> {
    const remote = this.#remote;
    if (!this.#connection || !remote) throw new BalconyError("internal", "Nothing is offered yet.");
    await this.#connection.setRemoteDescription({ type, sdp: writeSdp(remote) });
    this.#isPlaced = true;
    this.#try(remote.candidates);
    for (const { candidates } of this.#held.splice(0)) this.#try(candidates);
  }

  // ---- candidates

  #gather(line: string | undefined): void {
    const candidate = line ? readCandidateLine(line) : undefined;
    if (!candidate || !this.#mayShow(candidate)) return;
    if (!this.#announced) {
      this.#gathered.push(candidate);
      return;
    }
    const own: Credentials | undefined = this.#own;
    if (own) this.context.sendInfo(writeInfo(own, [candidate])).catch(() => undefined); // the session hears of a refusal by itself
  }

  #mayShow({ type, address }: Candidate): boolean {
    const { addresses, reach } = this.context;
    if (addresses.paths === "relayed" || reach === "relayed") return type === "relay";
    const kind = addressKind(address);
    return kind === "public" || kind === "private" || (kind === "loopback" && addresses.dangerouslyUseLoopback === true);
  }

  #try(candidates: readonly Candidate[]): void {
    const connection = this.#connection;
    if (!connection) return;
    for (const candidate of candidates) {
      const relayed = candidate.type === "relay" && this.context.addresses.paths === "direct";
      const refused = relayed ? "only direct paths are wanted now" : addressRefusal(candidate.address, this.context.addresses);
      if (refused) {
        this.context.progress(`webrtc: ${describe(candidate)} is left out`, new BalconyError("policy-violation", refused));
        continue;
      }
      connection
        .addIceCandidate({ candidate: writeCandidateLine(candidate), sdpMid: MID })
        .catch((cause: unknown) => this.context.progress(`webrtc: ${describe(candidate)} is left out`, new BalconyError("webrtc-failed", "It was not taken.", { cause })));
    }
  }

  // ---- the channel

  /** The peer has opened a channel. */
  #take(channel: DataChannel): void {
    if (this.#pending) this.#refuse("The peer opened a second data channel.");
    else if (!channel.ordered || channel.maxRetransmits !== null || channel.maxPacketLifeTime !== null) this.#refuse("The peer's data channel is not reliable and in order.");
    else this.#use(channel);
  }

  #use(channel: DataChannel): void {
    const bytes = new ChannelBytes({ channel, release: () => this.#release() });
    this.#pending = bytes;
    if (channel.readyState === "open") this.#opened(bytes);
    else channel.addEventListener("open", () => this.#opened(bytes));
  }

  #refuse(text: string): void {
    this.#fail(new BalconyError("webrtc-channel", text));
  }

  #fail(error: BalconyError): void {
    this.#failed(error);
    if (this.#pending) this.#pending.lose(error);
    else this.#release();
  }

  #release(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.close();
  }

  // ---- what is told

  async #path(): Promise<string> {
    const pairs = await this.#pairs();
    const chosen = pairs.find(({ chosen }) => chosen);
    if (!chosen) return "webrtc";
    return `webrtc ${chosen.local.type === "relay" ? describe({ ...chosen.remote, type: "relay" }) : describe(chosen.remote)}`;
  }

  async #tellPairs(): Promise<void> {
    for (const { local, remote, state } of await this.#pairs()) {
      this.context.progress(`webrtc: ${describe(local)} to ${describe(remote)} did not connect`, new BalconyError("webrtc-failed", `Its checks are ${state}.`));
    }
  }

  async #pairs(): Promise<ReadonlyArray<{ readonly local: Candidate; readonly remote: Candidate; readonly state: string; readonly chosen: boolean }>> {
    const entries = new Map<unknown, Readonly<Record<string, unknown>>>();
    const report = await this.#connection?.getStats().catch(() => undefined);
    report?.forEach((entry) => {
      entries.set(entry.id, entry);
    });
    const selected = [...entries.values()].find(({ type, selectedCandidatePairId }) => type === "transport" && selectedCandidatePairId !== undefined)?.selectedCandidatePairId;
    return [...entries.values()].flatMap((pair) => {
      if (pair.type !== "candidate-pair") return [];
      const [local, remote] = [entries.get(pair.localCandidateId), entries.get(pair.remoteCandidateId)];
      if (!local || !remote) return [];
      return [
        { local: candidateOf(local), remote: candidateOf(remote), state: String(pair.state), chosen: selected === undefined ? pair.nominated === true : pair.id === selected },
      ];
    });
  }
}

function candidateOf({ address, port, candidateType }: Readonly<Record<string, unknown>>): Candidate {
  return { foundation: "", priority: 0, address: String(address), port: Number(port), type: candidateType as Candidate["type"] };
}

function checkInfo({ credentials, fingerprints }: Info, remote: Description): void {
  if (credentials && (credentials.ufrag !== remote.ufrag || credentials.pwd !== remote.pwd)) throw stanzaError("feature-not-implemented", { text: "no ICE restart" });
  const unknown = fingerprints.some(({ hash, value }) => !remote.fingerprints.some((known) => known.hash === hash && known.value === value));
  if (unknown) throw stanzaError("bad-request", { text: "another fingerprint" });
}
