export { type End, EXPORTER_LABEL, tlsContext } from "./ceremony/context.js";
export { ceremonyStep, messageLengths } from "./ceremony/machine.js";
export type { CeremonyContext, CeremonyEffect, CeremonyEvent, CeremonyMessage, CeremonyMode, CeremonyOutcome, CeremonyState, CeremonyStep } from "./ceremony/state.js";
export type { SasSymbols } from "./ceremony/symbols.js";
export { CODE_BITS, type Code, codeUri, parseCode, secretCode, wordCode } from "./code/code.js";
export { scalarOf } from "./code/cpace.js";
export { codeMessageLengths, codeStep } from "./code/machine.js";
export type { CodeEffect, CodeEvent, CodeInHand, CodeMessage, CodeState, CodeStep } from "./code/state.js";
export { type Acceptance, type Alert, type BlockCode, type Decision, type DecisionInput, decide, type Owner } from "./decide.js";
export { compareFingerprint, fingerprintUri, fingerprintWords, formatFingerprint, type GivenFingerprint, parseFingerprint } from "./fingerprints.js";
export { isOpenPgpFingerprint, MAX_OPENPGP_KEY, MAX_STATEMENT, type OpenPgpExpectation, type OpenPgpVerifier } from "./openpgp.js";
export {
  type BareJid,
  type Device,
  type DirectHow,
  type How,
  MAX_GUESSES,
  MAX_OPENPGP_KEYS,
  MAX_UNVERIFIED,
  MAX_VOUCHED,
  type PeerRecord,
  type Requirement,
  type SpentCode,
  type TrustedOpenPgpKey,
  type Verification,
} from "./record.js";
export { parseStatementUri, readAbout, type SignedStatement, statementUri } from "./statement-uri.js";
export { type Arrival, checkStatement, STATEMENT_LIFE, type Statement, statementBytes } from "./statements.js";
export type { AwaySecret, Contents, FileStoreOptions, RetainedSecret, SealingKeys, StoredIdentity, StoreOptions, TrustStorage } from "./storage.js";
export { MOST_REPLACEMENTS, predecessorOf, type Succession } from "./succession.js";
export { type Contact, type PeerView, TrustStore } from "./trust-store.js";
