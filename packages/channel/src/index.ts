export { type ByteChannel, fillsMemory, type UnsharedMemory } from "./byte-channel.js";
export type { ByteFault } from "./byte-faults.js";
export { codes, type ErrorCode } from "./codes.js";
export { BalconyError, type ErrorDetail, type Phase, type RefusedKey, type StanzaCondition, type StanzaErrorDetail, stanzaError, type Tried } from "./error.js";
export type { Faults } from "./faults.js";
export { type ByteWire, type ByteWires, type MemoryByteOptions, memoryBytePair } from "./memory-bytes.js";
export { type MemoryStanzaNetwork, type MemoryStanzaNetworkOptions, memoryStanzaNetwork, type StanzaTap } from "./memory-network.js";
export { type MemoryStanzaOptions, memoryStanzaPair, type StanzaWire, type StanzaWires } from "./memory-stanzas.js";
export { randomId } from "./random-id.js";
export { readAddress } from "./read-address.js";
export { StanzaRouter, type StanzaRouterOptions } from "./router.js";
export {
  type Answer,
  answersItself,
  notMine,
  type Received,
  type Request,
  type RequestFilter,
  type RequestHandler,
  type RequestOptions,
  type StanzaChannel,
  type StanzaHandler,
  type Unsubscribe,
} from "./stanza-channel.js";
export { readStanzaError, writeStanzaError } from "./stanza-error.js";
export type { StanzaFault, StanzaPlaces } from "./stanza-faults.js";
export { abortError, type Deadline, type WaitOptions, withDeadline } from "./waiting.js";
