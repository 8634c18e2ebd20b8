export { certificateRequest } from "./certificate-request.js";
export { type Anchor, checkChain, readAnchors } from "./chain.js";
export { createIdentity, exportIdentity, type Identity, type IdentityOptions, type IdentityPem, importIdentity, renewIdentity } from "./identity.js";
export { installCertificate } from "./install-certificate.js";
export type { Expectation } from "./judge.js";
export type { KeyType } from "./public-key.js";
export { type PeerCertificate, readCertificate } from "./read-certificate.js";
export { type Secured, type SecureOptions, secure } from "./secure.js";
export { checkSignature, publicKeyOf, type Signature, signBytes } from "./signature.js";
