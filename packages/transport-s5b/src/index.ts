export { type Dial, dial } from "./dial.js";
export { mapPort, type PortMapping } from "./port-mapping.js";
export { activate } from "./proxies.js";
export { type S5bOptions, s5b } from "./transport.js";
