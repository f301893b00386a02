/**
 * One table of all messages: who may send them, in which scope, what answers them, which phase they belong to and how long they may be.
 *
 * Receiving and sending, bounds and permissions all read this table, so a message added here is complete.
 */
import * as messages from '../generated/messages.js'
import { MAXIMUM_DESCRIPTOR_BYTES, MAXIMUM_PARTIES, MAXIMUM_TEXT_BYTES } from '../terms/limits.js'
import type { Phase } from '../terms/phases.js'
import type { Role } from '../terms/roster.js'
import { DIGEST_LIST_BYTES, MAXIMUM_ARCHITECTURE_BYTES, MAXIMUM_FAILURE_BYTES, type MessageSizes } from './sizes.js'

type Loose<T> = T extends Uint8Array
  ? Uint8Array
  : T extends readonly (infer U)[]
    ? Loose<U>[]
    : T extends object
      ? { [K in keyof T]: Loose<T[K]> }
      : T

type EnvelopeBodies = Omit<messages.Envelope, 'version' | 'session' | 'lane' | 'sequence'>

/** A kind of message, by the name of its field in the envelope. */
export type Kind = keyof EnvelopeBodies
/** Decoded bodies by kind. */
export type Bodies = { [K in Kind]: Loose<NonNullable<EnvelopeBodies[K]>> }

interface BodyCodec {
  decode(bytes: Uint8Array, options?: { limits?: Record<string, number> }): unknown
  /** The one form of a body. */
  encode(body: object): Uint8Array
}

interface KindEntry {
  /** Field number in the envelope. */
  readonly field: number
  readonly codec: BodyCodec
  /** Most bytes of a body; `sizes` is undefined until a plan is known. */
  bound(sizes: MessageSizes | undefined): number
  /** Most elements of repeated fields. */
  limits?(sizes: MessageSizes | undefined): Record<string, number>
}

const small = (): number => MAXIMUM_FAILURE_BYTES
const list = (count: number, bytes: number): number => count * (bytes + 8) + MAXIMUM_FAILURE_BYTES
/** A bound that needs the plan: before one is known, nothing but an empty body passes. */
const planned =
  (bound: (sizes: MessageSizes) => number) =>
  (sizes: MessageSizes | undefined): number =>
    sizes === undefined ? 0 : bound(sizes) + MAXIMUM_FAILURE_BYTES
const parties =
  (...fields: string[]) =>
  (): Record<string, number> =>
    Object.fromEntries(fields.map(field => [field, MAXIMUM_PARTIES]))

export const KINDS: { readonly [K in Kind]: KindEntry } = {
  hello: { field: 16, codec: messages.Hello, bound: () => list(MAXIMUM_PARTIES, 2 * MAXIMUM_TEXT_BYTES), limits: parties('roster') },
  helloReply: { field: 17, codec: messages.HelloReply, bound: small, limits: () => ({ roles: 8 }) },
  architecture: { field: 18, codec: messages.Architecture, bound: small },
  architectureReply: { field: 19, codec: messages.ArchitectureReply, bound: () => MAXIMUM_ARCHITECTURE_BYTES },
  propose: { field: 20, codec: messages.Propose, bound: () => MAXIMUM_DESCRIPTOR_BYTES },
  acceptance: {
    field: 21,
    codec: messages.Acceptance,
    bound: planned(sizes => sizes.resultKey + list(MAXIMUM_PARTIES, MAXIMUM_TEXT_BYTES)),
    limits: parties('from')
  },
  commitments: {
    field: 22,
    codec: messages.Commitments,
    bound: () => list(MAXIMUM_PARTIES, DIGEST_LIST_BYTES),
    limits: parties('entries')
  },
  reveal: { field: 23, codec: messages.Reveal, bound: small },
  open: {
    field: 24,
    codec: messages.Open,
    bound: planned(sizes => list(MAXIMUM_PARTIES, DIGEST_LIST_BYTES + sizes.resultKey)),
    limits: parties('nonces', 'resultKeys')
  },
  opened: { field: 25, codec: messages.Opened, bound: small },
  publicKeyShare: { field: 26, codec: messages.PublicKeyShare, bound: small },
  revealedShare: {
    field: 27,
    codec: messages.RevealedShare,
    bound: planned(sizes => Math.max(sizes.publicKeyShare, sizes.relinearizationShare))
  },
  publicKeyPart: { field: 28, codec: messages.PublicKeyPart, bound: planned(sizes => sizes.publicKeyShare) },
  relinearizationOne: { field: 29, codec: messages.RelinearizationOne, bound: small },
  relinearizationTwo: { field: 30, codec: messages.RelinearizationTwo, bound: small },
  galois: { field: 31, codec: messages.Galois, bound: small },
  shares: {
    field: 32,
    codec: messages.Shares,
    bound: planned(sizes =>
      Math.max(
        sizes.galoisShare,
        sizes.relinearizationShare,
        list(sizes.refreshCount, sizes.refreshShare),
        list(sizes.switchCount, sizes.switchShare)
      )
    ),
    limits: sizes => ({ shares: sizes === undefined ? 0 : Math.max(1, sizes.refreshCount, sizes.switchCount) })
  },
  modelPart: { field: 33, codec: messages.ModelPart, bound: small },
  modelPartReply: { field: 34, codec: messages.ModelPartReply, bound: planned(sizes => sizes.modelPart) },
  ready: { field: 35, codec: messages.Ready, bound: small },
  queryOpen: { field: 36, codec: messages.QueryOpen, bound: small },
  queryInput: { field: 37, codec: messages.QueryInput, bound: planned(sizes => sizes.input) },
  queryEvaluate: { field: 38, codec: messages.QueryEvaluate, bound: small },
  queryProgress: { field: 39, codec: messages.QueryProgress, bound: small },
  queryResult: { field: 40, codec: messages.QueryResult, bound: planned(sizes => sizes.result) },
  queryFinished: { field: 41, codec: messages.QueryFinished, bound: small },
  queryFailed: { field: 42, codec: messages.QueryFailed, bound: small },
  refresh: {
    field: 43,
    codec: messages.Refresh,
    bound: planned(sizes => list(sizes.refreshCount, sizes.refreshC1) + list(MAXIMUM_PARTIES, DIGEST_LIST_BYTES)),
    limits: sizes => ({ c1: sizes?.refreshCount ?? 0, endorsements: MAXIMUM_PARTIES })
  },
  switch: {
    field: 44,
    codec: messages.Switch,
    bound: planned(sizes => list(sizes.switchCount, sizes.switchC1) + list(MAXIMUM_PARTIES, DIGEST_LIST_BYTES)),
    limits: sizes => ({ c1: sizes?.switchCount ?? 0, endorsements: MAXIMUM_PARTIES })
  },
  ping: { field: 45, codec: messages.Ping, bound: small },
  pong: { field: 46, codec: messages.Pong, bound: small },
  leave: { field: 47, codec: messages.Leave, bound: small },
  close: { field: 48, codec: messages.Close, bound: small },
  abort: { field: 49, codec: messages.Abort, bound: small },
  acknowledged: { field: 50, codec: messages.Acknowledged, bound: small },
  alive: { field: 51, codec: messages.Alive, bound: small },
  publicKeyCommit: { field: 52, codec: messages.PublicKeyCommit, bound: small },
  relinearizationCommit: { field: 53, codec: messages.RelinearizationCommit, bound: small },
  shareCommitment: { field: 54, codec: messages.ShareCommitment, bound: small },
  publicKeyCommitments: {
    field: 55,
    codec: messages.PublicKeyCommitments,
    bound: () => list(MAXIMUM_PARTIES, DIGEST_LIST_BYTES),
    limits: parties('entries')
  },
  relinearizationCommitments: {
    field: 56,
    codec: messages.RelinearizationCommitments,
    bound: () => list(MAXIMUM_PARTIES, DIGEST_LIST_BYTES),
    limits: parties('entries')
  },
  relinearizationPart: { field: 57, codec: messages.RelinearizationPart, bound: planned(sizes => sizes.relinearizationShare) },
  publicKeyConfirm: { field: 58, codec: messages.PublicKeyConfirm, bound: small },
  keyConfirmation: { field: 59, codec: messages.KeyConfirmation, bound: small },
  publicKeyConfirmed: {
    field: 60,
    codec: messages.PublicKeyConfirmed,
    bound: () => list(MAXIMUM_PARTIES, DIGEST_LIST_BYTES),
    limits: parties('entries')
  },
  queryAnnounce: { field: 75, codec: messages.QueryAnnounce, bound: small },
  modelSign: { field: 76, codec: messages.ModelSign, bound: small },
  modelSigned: { field: 77, codec: messages.ModelSigned, bound: small },
  modelProof: { field: 70, codec: messages.ModelProof, bound: small },
  modelProofReply: { field: 71, codec: messages.ModelProofReply, bound: planned(sizes => sizes.proof) },
  queryProof: { field: 72, codec: messages.QueryProof, bound: planned(sizes => sizes.proof) },
  proofPart: { field: 73, codec: messages.ProofPart, bound: planned(sizes => sizes.undivided) },
  proofCopy: { field: 74, codec: messages.ProofCopy, bound: planned(sizes => sizes.proof) },
  refreshWhole: {
    field: 64,
    codec: messages.RefreshWhole,
    bound: planned(sizes => list(2 * sizes.refreshCount, sizes.refreshC1)),
    limits: sizes => ({ masked: sizes?.refreshCount ?? 0, c1: sizes?.refreshCount ?? 0 })
  },
  switchWhole: {
    field: 65,
    codec: messages.SwitchWhole,
    bound: planned(sizes => list(sizes.switchCount, sizes.switchC1)),
    limits: sizes => ({ c1: sizes?.switchCount ?? 0 })
  },
  reencrypted: {
    field: 66,
    codec: messages.Reencrypted,
    bound: planned(sizes => Math.max(list(sizes.refreshCount, sizes.refreshed), list(sizes.switchCount, sizes.switchShare))),
    limits: sizes => ({ ciphertexts: sizes === undefined ? 0 : Math.max(1, sizes.refreshCount, sizes.switchCount) })
  },
  witnessShare: {
    field: 78,
    codec: messages.WitnessShare,
    bound: planned(sizes => Math.max(sizes.galoisShare, sizes.relinearizationShare))
  },
  witnessPart: { field: 79, codec: messages.WitnessPart, bound: planned(sizes => sizes.modelPart) },
  modelAnnounce: { field: 80, codec: messages.ModelAnnounce, bound: small },
  witnessInput: { field: 81, codec: messages.WitnessInput, bound: planned(sizes => sizes.input) },
  witnessRefreshed: {
    field: 82,
    codec: messages.WitnessRefreshed,
    bound: planned(sizes => Math.max(list(sizes.refreshCount, sizes.refreshShare), list(sizes.switchCount, sizes.switchShare))),
    limits: sizes => ({ shares: Math.max(sizes?.refreshCount ?? 0, sizes?.switchCount ?? 0) })
  },
  endorse: { field: 83, codec: messages.Endorse, bound: small },
  endorsement: { field: 84, codec: messages.Endorsement, bound: small },
  witnessProof: { field: 85, codec: messages.WitnessProof, bound: planned(sizes => sizes.proof) }
}

export const KIND_OF_FIELD: ReadonlyMap<number, Kind> = new Map(Object.entries(KINDS).map(([kind, entry]) => [entry.field, kind as Kind]))

/** Which identifier a request carries: none, the proposal's (hash of the descriptor, known from the proposal to the end), the open session's. */
export type Scope = 'none' | 'proposal' | 'session'

interface Rule {
  readonly reply: Kind
  readonly scope: Scope
  readonly phase: Phase
  /** Who may send it: the coordinator, a peer with one of these roles, or any member. */
  readonly from: 'coordinator' | 'anyone' | readonly Role[]
  /** Role of the receiver without which the request makes no sense. */
  readonly to?: Role
  /** Short messages that must not wait behind long ones travel in a lane of their own. */
  readonly urgent?: true
}

const asRules = <R extends Partial<Record<Kind, Rule>>>(rules: R): R => rules

export const RULES = asRules({
  hello: { reply: 'helloReply', scope: 'none', phase: 'roster', from: 'coordinator' },
  architecture: { reply: 'architectureReply', scope: 'none', phase: 'plan', from: 'coordinator', to: 'model-owner' },
  propose: { reply: 'acceptance', scope: 'none', phase: 'session', from: 'coordinator' },
  commitments: { reply: 'reveal', scope: 'proposal', phase: 'session', from: 'coordinator' },
  open: { reply: 'opened', scope: 'proposal', phase: 'session', from: 'coordinator' },
  publicKeyCommit: { reply: 'shareCommitment', scope: 'session', phase: 'public-key', from: 'coordinator', to: 'key-holder' },
  publicKeyCommitments: { reply: 'acknowledged', scope: 'session', phase: 'public-key', from: 'coordinator' },
  publicKeyShare: { reply: 'revealedShare', scope: 'session', phase: 'public-key', from: 'coordinator', to: 'key-holder' },
  publicKeyPart: { reply: 'acknowledged', scope: 'session', phase: 'public-key', from: 'coordinator' },
  publicKeyConfirm: { reply: 'keyConfirmation', scope: 'session', phase: 'public-key', from: 'coordinator' },
  publicKeyConfirmed: { reply: 'acknowledged', scope: 'session', phase: 'public-key', from: 'coordinator' },
  relinearizationCommit: {
    reply: 'shareCommitment',
    scope: 'session',
    phase: 'relinearization-key',
    from: 'coordinator',
    to: 'key-holder'
  },
  // To key holders, who rely on them, and to witnesses, who keep them.
  relinearizationCommitments: { reply: 'acknowledged', scope: 'session', phase: 'relinearization-key', from: 'coordinator' },
  relinearizationOne: { reply: 'revealedShare', scope: 'session', phase: 'relinearization-key', from: 'coordinator', to: 'key-holder' },
  relinearizationPart: { reply: 'acknowledged', scope: 'session', phase: 'relinearization-key', from: 'coordinator', to: 'key-holder' },
  relinearizationTwo: { reply: 'shares', scope: 'session', phase: 'relinearization-key', from: 'coordinator', to: 'key-holder' },
  galois: { reply: 'shares', scope: 'session', phase: 'galois-keys', from: 'coordinator', to: 'key-holder' },
  modelPart: { reply: 'modelPartReply', scope: 'session', phase: 'model-upload', from: 'coordinator', to: 'model-owner' },
  modelSign: { reply: 'modelSigned', scope: 'session', phase: 'model-upload', from: 'coordinator', to: 'model-owner' },
  modelProof: { reply: 'modelProofReply', scope: 'session', phase: 'proofs', from: 'coordinator', to: 'model-owner' },
  proofPart: { reply: 'acknowledged', scope: 'session', phase: 'proofs', from: 'coordinator', to: 'key-holder' },
  proofCopy: { reply: 'acknowledged', scope: 'session', phase: 'proofs', from: 'coordinator', to: 'key-holder' },
  ready: { reply: 'acknowledged', scope: 'session', phase: 'ready', from: 'coordinator' },
  queryOpen: { reply: 'acknowledged', scope: 'session', phase: 'input', from: ['querier', 'data-owner'], to: 'evaluator' },
  queryInput: { reply: 'acknowledged', scope: 'session', phase: 'input', from: ['querier', 'data-owner'], to: 'evaluator' },
  queryProof: { reply: 'acknowledged', scope: 'session', phase: 'proofs', from: ['querier', 'data-owner'], to: 'evaluator' },
  queryEvaluate: { reply: 'acknowledged', scope: 'session', phase: 'evaluation', from: ['querier', 'data-owner'], to: 'evaluator' },
  queryProgress: { reply: 'acknowledged', scope: 'session', phase: 'evaluation', from: 'coordinator', urgent: true },
  queryResult: { reply: 'acknowledged', scope: 'session', phase: 'result', from: 'coordinator', to: 'querier' },
  queryFinished: { reply: 'acknowledged', scope: 'session', phase: 'result', from: 'coordinator', to: 'data-owner' },
  queryFailed: { reply: 'acknowledged', scope: 'session', phase: 'result', from: 'coordinator' },
  queryAnnounce: { reply: 'acknowledged', scope: 'session', phase: 'evaluation', from: 'coordinator' },
  witnessShare: { reply: 'acknowledged', scope: 'session', phase: 'galois-keys', from: 'coordinator', to: 'witness' },
  witnessPart: { reply: 'acknowledged', scope: 'session', phase: 'model-upload', from: 'coordinator', to: 'witness' },
  modelAnnounce: { reply: 'acknowledged', scope: 'session', phase: 'model-upload', from: 'coordinator' },
  witnessInput: { reply: 'acknowledged', scope: 'session', phase: 'input', from: 'coordinator', to: 'witness' },
  witnessProof: { reply: 'acknowledged', scope: 'session', phase: 'proofs', from: 'coordinator', to: 'witness' },
  witnessRefreshed: { reply: 'acknowledged', scope: 'session', phase: 'refresh', from: 'coordinator', to: 'witness' },
  endorse: { reply: 'endorsement', scope: 'session', phase: 'evaluation', from: 'coordinator', to: 'witness' },
  refresh: { reply: 'shares', scope: 'session', phase: 'refresh', from: 'coordinator', to: 'key-holder' },
  switch: { reply: 'shares', scope: 'session', phase: 'switch', from: 'coordinator', to: 'key-holder' },
  refreshWhole: { reply: 'reencrypted', scope: 'session', phase: 'refresh', from: 'coordinator', to: 'key-holder' },
  switchWhole: { reply: 'reencrypted', scope: 'session', phase: 'switch', from: 'coordinator', to: 'key-holder' },
  ping: { reply: 'pong', scope: 'none', phase: 'ready', from: 'anyone' },
  leave: { reply: 'acknowledged', scope: 'session', phase: 'close', from: ['querier', 'data-owner'], to: 'evaluator' },
  close: { reply: 'acknowledged', scope: 'session', phase: 'close', from: 'coordinator' },
  alive: { reply: 'acknowledged', scope: 'proposal', phase: 'ready', from: 'anyone', urgent: true },
  abort: { reply: 'acknowledged', scope: 'none', phase: 'close', from: 'anyone' }
})

/** A kind that is answered; every kind is either a request or a reply. */
export type RequestKind = keyof typeof RULES
/** The kind that answers a request. */
export type ReplyOf<K extends RequestKind> = (typeof RULES)[K]['reply']

export function ruleOf(kind: Kind): Rule | undefined {
  return (RULES as Partial<Record<Kind, Rule>>)[kind]
}

export function isRequest(kind: Kind): kind is RequestKind {
  return kind in RULES
}
