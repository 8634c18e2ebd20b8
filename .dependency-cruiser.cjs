// The arrows of the architecture: which package may import which. A change here is a change of design.
const arrows = {
  xml: [],
  channel: ["xml"],
  jingle: ["xml", "channel"],
  "transport-ibb": ["xml", "channel", "jingle"],
  "transport-ice-tcp": ["xml", "channel", "jingle"],
  "transport-webrtc": ["xml", "channel", "jingle"],
  "transport-s5b": ["xml", "channel", "jingle"],
  doctor: ["xml", "channel", "jingle", "transport-s5b"],
  "xml-stream": ["xml", "channel"],
  esessions: ["xml", "channel"],
  tls: ["channel"],
  trust: ["channel"],
  "trust-openpgp": ["xml", "channel", "trust"], // balcony is handed it by whoever wants it
  "local-server": ["xml", "channel", "transport-s5b"], // whose proxy reads SOCKS5 as the transport does
  balcony: ["xml", "channel", "doctor", "esessions", "jingle", "transport-ibb", "transport-ice-tcp", "transport-s5b", "transport-webrtc", "xml-stream", "tls", "trust"],
};
/** Packages that a browser build must be able to take: no node: module but stream, events and buffer. */
const portable = ["xml", "channel", "jingle", "xml-stream", "transport-ibb"];

module.exports = {
  forbidden: [
    { name: "no-circular", severity: "error", from: { pathNot: "node_modules" }, to: { circular: true } },
    { name: "no-unresolvable", severity: "error", from: {}, to: { couldNotResolve: true } },
    ...Object.entries(arrows).map(([name, allowed]) => ({
      name: `arrows-of-${name}`,
      severity: "error",
      from: { path: `^packages/${name}/src/` },
      to: { path: "^(packages|examples|interop|test)/", pathNot: `^packages/(${[name, ...allowed].join("|")})/src/` },
    })),
    {
      name: "portable-packages-import-no-node-modules",
      severity: "error",
      from: { path: `^packages/(${portable.join("|")})/src/` },
      to: { dependencyTypes: ["core"], pathNot: "^(node:)?(stream|events|buffer)$" },
    },
    {
      name: "the-machines-of-trust-import-no-node-modules",
      comment: "its file/ is loaded by TrustStore.open() alone",
      severity: "error",
      from: { path: "^packages/trust/src/", pathNot: "^packages/trust/src/file/" },
      to: { dependencyTypes: ["core"], pathNot: "^(node:)?(stream|events|buffer)$" },
    },
    {
      name: "transport-webrtc-is-portable-but-for-werift",
      comment: "its werift/ is loaded where the platform has no RTCPeerConnection of its own, and then alone",
      severity: "error",
      from: { path: "^packages/transport-webrtc/src/", pathNot: "^packages/transport-webrtc/src/werift/" },
      to: { dependencyTypes: ["core"], pathNot: "^(node:)?(stream|events|buffer)$" },
    },
    {
      name: "werift-is-loaded-lazily",
      severity: "error",
      from: { path: "^packages/transport-webrtc/src/", pathNot: "^packages/transport-webrtc/src/werift/" },
      to: { path: "^packages/transport-webrtc/src/werift/|node_modules/werift", dependencyTypesNot: ["dynamic-import"] },
    },
    {
      name: "openpgp-is-loaded-lazily",
      severity: "error",
      from: { path: "^packages/trust-openpgp/src/" },
      to: { path: "node_modules/openpgp", dependencyTypesNot: ["dynamic-import", "type-only"] },
    },
    {
      name: "esessions-imports-no-node-modules",
      comment: "its node/ is an entry of its own",
      severity: "error",
      from: { path: "^packages/esessions/src/", pathNot: "^packages/esessions/src/node/" },
      to: { dependencyTypes: ["core"], pathNot: "^(node:)?(stream|events|buffer)$" },
    },
    { name: "only-balcony-knows-xmpp-client", severity: "error", from: { path: "^packages/(?!balcony/)[^/]+/src/" }, to: { path: "@xmpp/client" } },
    { name: "sources-import-no-tests", severity: "error", from: { path: "^(packages|examples)/[^/]+/src/" }, to: { path: "^test/|/test/" } },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "/dist/" },
    tsConfig: { fileName: "tsconfig.base.json" },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["@balcony/source", "import", "node", "default"], extensions: [".ts", ".js", ".mjs", ".json"] },
  },
};
