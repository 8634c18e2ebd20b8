export { nodeArithmetic } from "./arithmetic.js";
export { nodeCrypto } from "./crypto.js";
export { generateRsaKey, nodeSigner, nodeVerify, rsaFromSpki, rsaToSpki } from "./rsa.js";
