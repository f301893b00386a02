/**
 * What holders sign while an epoch's keys are made, so that the evaluator, through whose hands everything goes, can swap nothing, and so that a fault has a name
 * under it.
 */
import * as z from 'zod'
import { canonicalBytes } from '../../base/canonical.js'
import { digest, toHex } from '../../base/digest.js'
import { MAXIMUM_PARTIES } from '../../terms/limits.js'
import { type DocumentKind, identifierSchema, peerSchema } from './signed.js'

/** A holder enters a ceremony: what it commits to, and the key that shares are sealed to. */
export interface Entry {
  readonly kind: 'ceremony-entry'
  readonly version: 1
  /** What it is about: identifier of the epoch's proposal, or of the round of a renewal. */
  readonly ceremony: string
  /** Peer id, as in the other documents. */
  readonly holder: string
  /** H of 32 bytes that are revealed later; empty where a ceremony has none. */
  readonly nonce: string
  /** Commitment to this holder's part of the round's coin, hexadecimal. */
  readonly coin: string
  /** X25519, for this round alone; hexadecimal. */
  readonly receiverKey: string
}

/** What a dealer has announced, or answered. */
export interface Dealt {
  readonly kind: 'dealt'
  readonly version: 1
  /** Hash of the round. */
  readonly round: string
  readonly dealer: string
  /** Hashes of sealed envelopes before the coin, or the answer to it. */
  readonly what: 'announcement' | 'answer'
  /** SHA-256. */
  readonly hash: string
}

/** A complaint of a holder about a dealing, signed. */
export interface ComplaintDocument {
  readonly kind: 'complaint'
  readonly version: 1
  /** Hash of the round. */
  readonly round: string
  /** Points. */
  readonly dealer: number
  readonly receiver: number
  /** It does not open, or its share does not lie on what was answered. */
  readonly reason: 'unreadable' | 'inconsistent'
  /** Who complains. */
  readonly holder: string
}

/** The hash of a share: of round one and of the public key signed before any is shown, of the others as they are given, so that a witness can sum them itself. */
export interface ShareCommitmentDocument {
  readonly kind: 'share-commitment'
  readonly version: 1
  readonly epoch: string
  /** Which key, and which round of it. */
  readonly protocol: 'public-key' | 'relinearization-1' | 'relinearization-2' | 'galois'
  /** H of the attempt's name and what is made in it. */
  readonly instance: string
  readonly holder: string
  /** SHA-256 of the share: it has the entropy of its error, and needs no salt. */
  readonly share: string
}

const hex64 = identifierSchema
const pointSchema = z.number().int().min(1).max(MAXIMUM_PARTIES)

/** Signed by the holder that enters. */
export const ENTRY: DocumentKind<Entry> = {
  kind: 'ceremony-entry',
  schema: z.strictObject({
    kind: z.literal('ceremony-entry'),
    version: z.literal(1),
    ceremony: hex64,
    holder: peerSchema,
    nonce: z.string().regex(/^([0-9a-f]{64})?$/),
    coin: hex64,
    receiverKey: hex64
  }) as unknown as z.ZodType<Entry>,
  signers: ({ holder }) => [holder]
}

/** Signed by the dealer. */
export const DEALT: DocumentKind<Dealt> = {
  kind: 'dealt',
  schema: z.strictObject({
    kind: z.literal('dealt'),
    version: z.literal(1),
    round: hex64,
    dealer: peerSchema,
    what: z.enum(['announcement', 'answer']),
    hash: hex64
  }) as unknown as z.ZodType<Dealt>,
  signers: ({ dealer }) => [dealer]
}

/** Signed by the holder that complains. */
export const COMPLAINT: DocumentKind<ComplaintDocument> = {
  kind: 'complaint',
  schema: z.strictObject({
    kind: z.literal('complaint'),
    version: z.literal(1),
    round: hex64,
    dealer: pointSchema,
    receiver: pointSchema,
    reason: z.enum(['unreadable', 'inconsistent']),
    holder: peerSchema
  }) as unknown as z.ZodType<ComplaintDocument>,
  signers: ({ holder }) => [holder]
}

/** Signed by the holder whose share it is. */
export const SHARE_COMMITMENT: DocumentKind<ShareCommitmentDocument> = {
  kind: 'share-commitment',
  schema: z.strictObject({
    kind: z.literal('share-commitment'),
    version: z.literal(1),
    epoch: hex64,
    protocol: z.enum(['public-key', 'relinearization-1', 'relinearization-2', 'galois']),
    instance: hex64,
    holder: peerSchema,
    share: hex64
  }) as unknown as z.ZodType<ShareCommitmentDocument>,
  signers: ({ holder }) => [holder]
}

/** One name for an attempt and what is made in it. */
export function attemptIdentifier(attempt: unknown, made: unknown): string {
  return toHex(digest('slytherin key attempt', canonicalBytes(attempt), canonicalBytes(made)))
}

/** What a nonce, or a contribution to a coin, is committed to by. */
export function commitmentTo(secret: Uint8Array, holder: string): string {
  return toHex(digest('slytherin ceremony commitment', secret, holder))
}
