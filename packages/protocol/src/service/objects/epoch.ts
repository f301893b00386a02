/**
 * Key epochs: one collective key and its life.
 *
 *   proposal   what the evaluator proposes and every holder signs, together with the hash of a nonce
 *   epoch      the proposal, everybody's nonce, the sharing, the hash of the public key; in force when all holders have signed it
 *
 * The epoch's identifier, which all its cryptography is bound to, is H(proposal's identifier ‖ nonces in the order of holders): known before there are keys, and
 * foreseen by nobody while one holder is honest.
 */
import * as z from 'zod'
import { digest, fromHex, toHex } from '../../base/digest.js'
import { DescriptorRejectedError } from '../../errors/errors.js'
import { MAXIMUM_PARTIES } from '../../terms/limits.js'
import type { PlanParameters } from '../../terms/plan.js'
import { countSchema, type DocumentKind, identifierSchema, identify, nameSchema, nonceSchema, peerSchema, timeSchema } from './signed.js'

/** Decryptions that an epoch allows unless its makers say otherwise. */
export const DEFAULT_DECRYPTIONS = 1_000_000
/** Refreshed ciphertexts that an epoch allows unless its makers say otherwise. */
export const DEFAULT_REFRESHES = 100_000_000

/** A holder and its point, the small integer at which it holds the sharing polynomial: 1 … n at first; a holder that joins gets one that was never used. */
export interface Holder {
  /** Peer id. */
  readonly peer: string
  /** From 1. */
  readonly point: number
}

/** An evaluation key that an epoch has or is to have: Galois element, and level of the key. */
export interface GaloisKeyName {
  /** g of X → X^g: odd, below 2N. */
  readonly element: number
  /** Highest that the key serves. */
  readonly level: number
}

/** What the evaluator proposes: a collective key, who shares it, for how long and for how much. In force once every holder has signed. */
export interface EpochProposal {
  readonly kind: 'epoch-proposal'
  readonly version: 1
  /** Name of the cohort. */
  readonly cohort: string
  readonly nonce: string
  /** Milliseconds since 1970, as `expires`. */
  readonly created: number
  /** From when on nothing is answered under it; a day later its holders erase their shares. */
  readonly expires: number
  /** Coordinates, holds evaluation keys and models, computes. */
  readonly evaluator: string
  /** By ascending point. */
  readonly holders: readonly Holder[]
  /** t: holders that it takes to help with anything. */
  readonly threshold: number
  /** Who runs every query again, and endorses what holders are asked. */
  readonly witnesses: readonly string[]
  /** CKKS parameters, for every release of the epoch. */
  readonly parameters: PlanParameters
  /** Whether whoever encrypts proves that it did. */
  readonly proofs: boolean
  /** s: bits of security of the flooding in every switch (Kullback–Leibler sense). */
  readonly floodingBits: number
  /** τ: ciphertexts that may be switched in the whole epoch. */
  readonly maximumDecryptions: number
  /** Ciphertexts that may be refreshed in the whole epoch. */
  readonly maximumRefreshes: number
  /** Evaluation keys that are made at once: level of the relinearisation key or null, Galois keys by ascending element. */
  readonly relinearizationLevel: number | null
  readonly galois: readonly GaloisKeyName[]
  /** The epoch that this one follows: releases of it may be moved here. */
  readonly follows?: string
  /** Whether nobody has asked for it: the epoch that it follows comes to its end. */
  readonly automatic?: boolean
}

/** How the secret is shared at present. Every renewal and resharing makes a new one, signed by all holders of it. */
export interface SharingRecord {
  readonly kind: 'sharing'
  readonly version: 1
  /** Identifier of the epoch. */
  readonly epoch: string
  /** 0 for the sharing of the ceremony, one more with every renewal and resharing. */
  readonly generation: number
  /** Stands for every dealing that the shares were summed from; hexadecimal. */
  readonly lineage: string
  /** t: holders that it takes. */
  readonly threshold: number
  /** By ascending point. */
  readonly holders: readonly Holder[]
}

/** An epoch whose keys are made: its proposal, nonces, first sharing and the hash of its public key. */
export interface EpochRecord {
  readonly kind: 'epoch'
  readonly version: 1
  /** As every holder has signed it. */
  readonly proposal: EpochProposal
  /** 32 bytes each, hexadecimal, in the order of holders. */
  readonly nonces: readonly string[]
  /** The first one, of generation 0. */
  readonly sharing: SharingRecord
  /** SHA-256 of the serialised collective public key. */
  readonly publicKey: string
}

const holderSchema = z.strictObject({ peer: peerSchema, point: z.number().int().min(1).max(MAXIMUM_PARTIES) })
const galoisSchema = z.strictObject({ element: countSchema, level: z.number().int().min(0).max(64) })
const thresholdSchema = z.number().int().min(1).max(MAXIMUM_PARTIES)

const proposalSchema = z.strictObject({
  kind: z.literal('epoch-proposal'),
  version: z.literal(1),
  cohort: nameSchema,
  nonce: nonceSchema,
  created: timeSchema,
  expires: timeSchema,
  evaluator: peerSchema,
  holders: z.array(holderSchema).min(1).max(MAXIMUM_PARTIES),
  threshold: thresholdSchema,
  witnesses: z.array(peerSchema).max(MAXIMUM_PARTIES),
  parameters: z.json(),
  proofs: z.boolean(),
  floodingBits: z.number().int().min(1).max(128),
  maximumDecryptions: countSchema,
  maximumRefreshes: countSchema,
  relinearizationLevel: z.number().int().min(0).max(64).nullable(),
  galois: z.array(galoisSchema).max(4096),
  follows: identifierSchema.optional(),
  automatic: z.boolean().optional()
}) as unknown as z.ZodType<EpochProposal>

const sharingSchema = z.strictObject({
  kind: z.literal('sharing'),
  version: z.literal(1),
  epoch: identifierSchema,
  generation: z
    .number()
    .int()
    .min(0)
    .max(2 ** 32 - 1),
  lineage: identifierSchema,
  threshold: thresholdSchema,
  holders: z.array(holderSchema).min(1).max(MAXIMUM_PARTIES)
}) as unknown as z.ZodType<SharingRecord>

const recordSchema = z.strictObject({
  kind: z.literal('epoch'),
  version: z.literal(1),
  proposal: proposalSchema,
  nonces: z.array(identifierSchema).min(1).max(MAXIMUM_PARTIES),
  sharing: sharingSchema,
  publicKey: identifierSchema
}) as unknown as z.ZodType<EpochRecord>

const peersOf = (holders: readonly Holder[]): string[] => holders.map(({ peer }) => peer)

/** Signed by the evaluator and every holder. */
export const EPOCH_PROPOSAL: DocumentKind<EpochProposal> = {
  kind: 'epoch-proposal',
  schema: proposalSchema,
  signers: ({ evaluator, holders }) => [...new Set([evaluator, ...peersOf(holders)])],
  check: (proposal, peer) => {
    const { created, expires, evaluator, holders, threshold, witnesses, proofs, galois } = proposal
    checkHolders(holders, threshold, 'epoch-proposal', peer)
    const elements = galois.map(({ element }) => element)
    demand(expires > created, 'expires', 'later than created', String(expires), 'epoch-proposal', peer)
    demand(!witnesses.includes(evaluator), 'witnesses', 'others than the evaluator', evaluator, 'epoch-proposal', peer)
    demand(new Set(witnesses).size === witnesses.length, 'witnesses', 'every peer once', 'a peer twice', 'epoch-proposal', peer)
    // Where one share is enough, the evaluator adds randomness of its own to what it sends, and where nothing is proved there is nothing to endorse.
    const followed = witnesses.length === 0 || (threshold > 1 && proofs)
    demand(followed, 'witnesses', 'none with a threshold of 1, or without proofs', `${witnesses.length}`, 'epoch-proposal', peer)
    demand(
      elements.every((element, k) => k === 0 || element > elements[k - 1]!),
      'galois',
      'ascending elements, each once',
      elements.join(', ').slice(0, 100),
      'epoch-proposal',
      peer
    )
  }
}

/** Signed by every holder of the sharing. */
export const SHARING: DocumentKind<SharingRecord> = {
  kind: 'sharing',
  schema: sharingSchema,
  signers: ({ holders }) => peersOf(holders),
  check: ({ holders, threshold }, peer) => checkHolders(holders, threshold, 'sharing', peer)
}

/** Signed as its proposal is; its check derives the epoch's identifier again. */
export const EPOCH: DocumentKind<EpochRecord> = {
  kind: 'epoch',
  schema: recordSchema,
  signers: ({ proposal }) => EPOCH_PROPOSAL.signers(proposal),
  check: ({ proposal, nonces, sharing }, peer) => {
    EPOCH_PROPOSAL.check!(proposal, peer)
    SHARING.check!(sharing, peer)
    demand(nonces.length === proposal.holders.length, 'nonces', `${proposal.holders.length}`, `${nonces.length}`, 'epoch', peer)
    const epoch = epochIdentifier(proposal, nonces)
    demand(sharing.epoch === epoch, 'sharing.epoch', epoch, sharing.epoch, 'epoch', peer)
    demand(sharing.generation === 0, 'sharing.generation', '0', `${sharing.generation}`, 'epoch', peer)
  }
}

/** What the epoch's cryptography is bound to, 32 bytes in hexadecimal. @param nonces hexadecimal, in the order of holders */
export function epochIdentifier(proposal: EpochProposal, nonces: readonly string[]): string {
  return toHex(digest('slytherin epoch identifier', fromHex(identify(EPOCH_PROPOSAL, proposal)), ...nonces.map(fromHex)))
}

/** @throws DescriptorRejectedError unless points ascend, no peer stands twice, and so many are enough */
export function checkHolders(holders: readonly Holder[], threshold: number, kind: string, peer: string): void {
  demand(
    holders.every(({ point }, k) => k === 0 || point > holders[k - 1]!.point),
    'holders',
    'ascending points, each once',
    holders.map(({ point }) => point).join(', '),
    kind,
    peer
  )
  demand(new Set(peersOf(holders)).size === holders.length, 'holders', 'every peer once', 'a peer twice', kind, peer)
  demand(threshold <= holders.length, 'threshold', `at most ${holders.length}, the number of holders`, `${threshold}`, kind, peer)
}

/** Whether its evaluator holds the whole key: what others encrypt in such an epoch is encrypted in name only. */
export function readableByEvaluator({ evaluator, holders }: EpochProposal): boolean {
  return holders.length === 1 && holders[0]!.peer === evaluator
}

function demand(holds: boolean, field: string, expected: string, actual: string, kind: string, peer: string): void {
  if (!holds)
    throw new DescriptorRejectedError({ peer, kind, field, expected, actual, remedy: 'The document contradicts itself: make it anew.' })
}
