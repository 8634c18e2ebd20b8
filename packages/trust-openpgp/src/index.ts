export { contentOf, openPgp } from "./check.js";
export { mergeOpenPgpKeys, type OpenPgpKey, readOpenPgpKey } from "./keys.js";
export { type NewStatement, signStatement, statementText, takeStatement } from "./sign.js";
export type { DeviceStatement } from "./statement.js";
