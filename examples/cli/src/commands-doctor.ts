import { type ProbeProgress, verdict } from "balcony";
import { address, goOnline, noStreams } from "./connect.js";
import { reportLines } from "./doctor-report.js";
import { onInterrupt } from "./interrupt.js";
import type { DoctorOptions } from "./options.js";
import { makeOutput, type Output } from "./output.js";
import { printable } from "./printable.js";
import { tellClosing } from "./run.js";
import { Waiting } from "./waiting.js";

/** `balcony doctor [JID]`: whatever it finds, it ends with 0; with another code only where it could not look. */
export async function doctorCommand(typed: string | undefined, options: DoctorOptions): Promise<void> {
  const peer = typed === undefined ? undefined : address(typed);
  const output = makeOutput(options);
  const interrupt = onInterrupt(() => tellClosing(output));
  try {
    const online = await goOnline({ ...noStreams, ...options }, output, {
      signal: interrupt.signal,
      e2e: {},
    });
    const waiting = new Waiting(options);
    try {
      const findings = await online.e2e.examine(peer, {
        service: online.service,
        servers: options.stun.map(stunServer),
        signal: interrupt.signal,
        onProgress: (progress) => tellProbe(output, waiting, progress, options),
      });
      waiting.clear();
      const judged = verdict(findings);
      output.payload({ event: "findings", ...findings, verdict: judged }, reportLines(findings, judged, process.stdout.columns ?? Number.POSITIVE_INFINITY).join("\n"));
    } finally {
      waiting.clear();
      await online.close();
    }
  } finally {
    interrupt.release();
  }
}

/** `stun:host:port`, as the option's parser has let it in. */
function stunServer(url: string): { readonly type: "stun"; readonly transport: "udp"; readonly host: string; readonly port: number } {
  const { hostname, port } = new URL(url.replace(/^stun:/, "stun://"));
  return { type: "stun", transport: "udp", host: hostname.replace(/^\[|\]$/g, ""), port: Number(port || 3478) };
}

/** A person at a terminal sees what is waited for just now in one line; everybody else one line for each probe. */
function tellProbe(output: Output, waiting: Waiting, { deadline, error, probe, state, text }: ProbeProgress, { verbose }: DoctorOptions): void {
  const event = { event: "progress", probe, state, text, deadline, ...(error !== undefined && { error }) };
  const words = `${printable(text)} (at most ${deadline / 1000} s)`;
  const live = waiting.live && !verbose;
  if (live && !output.json) waiting.update(text, state === "begin");
  if (live || state === "end") output.tell(event);
  else if (state === "begin") output.tell(event, `waiting for ${words}`, "step");
  else output.tell(event, printable(error ?? ""), "note");
}
