// The W3C's RTCPeerConnection as a peer of the harness (interop/README.md): layers `webrtc` and `ice-tcp`. Nothing but Web APIs, so that it runs in a page, too.

/** The driver's environment: where signals come from, and where events go. */
export async function play({ RTCPeerConnection, configuration = {}, layer, role, options, say, signals }) {
  const { bytes = 65_536, carries } = options;
  const connection = new RTCPeerConnection({ iceServers: [], ...configuration });
  const over = [];
  let wake = () => undefined;
  const end = (event) => over.push(event) && wake();
  const fail = (condition, text) => end({ event: "error", condition, text });
  const payload = new Payload(bytes);

  connection.addEventListener("icecandidate", ({ candidate }) => {
    if (candidate?.candidate) signal({ candidates: [candidate.candidate.replace(/^a=/, "")] });
    else if (!candidate) signal({ candidates: [], end: true });
  });
  connection.addEventListener("connectionstatechange", () => {
    if (connection.connectionState === "failed" && carries !== "dtls") fail("connectivity-error", "the connection failed");
  });
  const held = [];
  let described = false;
  const signal = (fields) => {
    // Candidates of one's own before the description would tell the other end nothing.
    if (described || fields.sdp) say({ event: "signal", ...fields });
    else held.push(fields);
    if (fields.sdp) {
      described = true;
      for (const one of held.splice(0)) say({ event: "signal", ...one });
    }
  };

  let opened = false;
  const use = (channel) => {
    channel.binaryType = "arraybuffer";
    const open = () => {
      if (opened) return;
      opened = true;
      say({ event: "connected", transport: "urn:xmpp:jingle:transports:ice-udp:1" });
      if (role === "initiator") send(channel, payload.octets);
    };
    channel.addEventListener("open", open);
    channel.addEventListener("message", async ({ data }) => {
      if (typeof data === "string") return fail("bad-request", "text came");
      if (!payload.take(new Uint8Array(data))) return;
      say(await payload.received());
      if (role === "initiator") channel.close();
      else send(channel, payload.octets);
    });
    channel.addEventListener("close", () => (payload.whole ? end({ event: "closed" }) : fail("connectivity-error", "the channel closed early")));
    if (channel.readyState === "open") open();
  };

  say({ event: "ready" });
  if (role === "initiator") {
    use(connection.createDataChannel("interop"));
    await connection.setLocalDescription(await connection.createOffer());
    signal({ type: "offer", sdp: connection.localDescription.sdp });
  } else {
    connection.addEventListener("datachannel", ({ channel }) => use(channel));
  }
  let polling;
  if (layer === "ice-tcp") {
    // Polled: not every implementation fires an event as soon as ICE has connected and DTLS has not.
    polling = setInterval(() => {
      if (opened || !["connected", "completed"].includes(connection.iceConnectionState)) return;
      opened = true;
      say({ event: "connected", transport: "urn:xmpp:jingle:transports:ice:0" });
    }, 50);
    connection.addEventListener("iceconnectionstatechange", () => {
      if (connection.iceConnectionState === "failed" && !opened) fail("connectivity-error", "no pair of candidates connected");
    });
  }

  const listen = async () => {
    const early = [];
    let remote = false;
    for await (const { sdp, type, candidates = [] } of signals) {
      const lines = candidates.map((candidate) => ({ candidate, sdpMid: "0", sdpMLineIndex: 0 }));
      if (sdp) {
        await connection.setRemoteDescription({ type, sdp });
        remote = true;
        if (type === "offer") {
          await connection.setLocalDescription(await connection.createAnswer());
          signal({ type: "answer", sdp: connection.localDescription.sdp });
        }
      }
      early.push(...lines);
      if (remote) for (const line of early.splice(0)) await connection.addIceCandidate(line);
    }
    if (carries === "dtls") opened ? end({ event: "closed" }) : fail("connectivity-error", "nothing connected");
  };
  listen().catch((error) => fail("bad-request", String(error)));

  while (over.length === 0) await new Promise((resolve) => (wake = resolve));
  clearInterval(polling);
  say(over[0]);
  connection.close();
}

/** In messages that every implementation takes (RFC 8831 §6.6). */
function send(channel, octets) {
  for (let at = 0; at < octets.length; at += 16_384) channel.send(octets.slice(at, at + 16_384));
}

class Payload {
  #came = 0;
  #parts = [];

  constructor(length) {
    this.octets = Uint8Array.from({ length }, (_, index) => (7 * index + 3) % 251);
  }

  get whole() {
    return this.#came >= this.octets.length;
  }

  /** Has it come in whole with this part? */
  take(part) {
    if (this.whole) return false;
    this.#parts.push(part);
    this.#came += part.length;
    return this.whole;
  }

  async received() {
    const all = new Uint8Array(this.#came);
    let at = 0;
    for (const part of this.#parts) {
      all.set(part, at);
      at += part.length;
    }
    const digest = new Uint8Array(await globalThis.crypto.subtle.digest("SHA-256", all));
    return { event: "received", bytes: this.#came, sha256: Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("") };
  }
}
