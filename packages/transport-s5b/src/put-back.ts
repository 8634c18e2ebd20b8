import type { Socket } from "node:net";

/** Stops reading and gives back what was read too early, so that whoever comes next finds a socket that nobody has read from: not even one that is paused on purpose. */
export function putBack(socket: Socket, bytes: Uint8Array): void {
  socket.pause();
  if (bytes.length > 0) socket.unshift(bytes);
  // A paused stream does not flow for a 'data' listener. Taking the last 'readable' listener away makes it one that was never told either way.
  const none = (): void => undefined;
  socket.on("readable", none).off("readable", none);
}
