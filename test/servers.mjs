// Brings the real servers that the tests need: on Debian as root by apt, without starting any system service.
import { existsSync } from "node:fs";
import { installPackages } from "./debian.mjs";

/** Package, and a file by which it is known to be there. */
const servers = [
  { name: "prosody", file: "/usr/bin/prosody" },
  { name: "ejabberd", file: "/usr/sbin/ejabberdctl" },
  { name: "coturn", file: "/usr/bin/turnserver" },
  { name: "iproute2", file: "/usr/sbin/ip" },
  { name: "iptables", file: "/usr/sbin/iptables-restore" },
  { name: "miniupnpd-iptables", file: "/usr/sbin/miniupnpd" },
  { name: "procps", file: "/usr/sbin/sysctl" },
  { name: "gnupg", file: "/usr/bin/gpg" },
  { name: "openssl", file: "/usr/bin/openssl" },
  { name: "libnice-dev", file: "/usr/include/nice/agent.h" },
  { name: "libjson-glib-dev", file: "/usr/include/json-glib-1.0/json-glib/json-glib.h" },
  { name: "pkg-config", file: "/usr/bin/pkg-config" },
  { name: "gcc", file: "/usr/bin/gcc" },
];

const missing = () => servers.filter(({ file }) => !existsSync(file)).map(({ name }) => name);

/** @returns the names of the servers that are not there and could not be brought */
export function bringServers() {
  installPackages(missing(), { what: "the servers that the tests talk to" });
  return missing();
}
