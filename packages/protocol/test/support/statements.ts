import { createHash } from 'node:crypto'
import { type Bodies, type Computed, componentsHash, decodeBody, type Kind, type Statement, statementDigest } from '@slytherin/protocol'
import { EVALUATOR } from './cohort.js'
import { FakeSigner } from './fake-signer.js'
import type { Wire } from './wire.js'

/** SHA-256 over byte strings in order, as statements name them. */
export function hashOf(...strings: Uint8Array[]): Uint8Array {
  return componentsHash(strings.map(bytes => new Uint8Array(createHash('sha256').update(bytes).digest())))
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** A statement's signature, in anybody's name. */
export async function signatureOf(session: Uint8Array, signer: string, statement: Statement): Promise<Uint8Array> {
  return await new FakeSigner(signer).sign(statementDigest(session, signer, statement))
}

/** A query as its owner would sign it. */
export async function announced(
  session: Uint8Array,
  query: string,
  { owner = 'querier', querier = 'querier', samples = 1 } = {}
): Promise<Bodies['queryAnnounce']> {
  const inputs = hashOf(new TextEncoder().encode(query))
  const signature = await signatureOf(session, owner, { kind: 'query', query, querier, samples, inputs: hex(inputs) })
  return { query, owner, querier, samples, inputs, signature }
}

/** What statements say of a query, from what was said of it on the wire: announced for real, or by this file. */
export function computed(wire: Wire, query: string, querier = 'querier'): Computed {
  const bodies = <K extends Kind>(kind: K): Bodies[K][] =>
    wire.seen.filter(({ header }) => header.kind === kind).map(({ header, to }) => decodeBody(kind, header.body, undefined, to))
  const inputs = bodies('queryAnnounce').find(body => body.query === query)?.inputs ?? hashOf(new TextEncoder().encode(query))
  return { query, querier, inputs: hex(inputs), model: hex(bodies('modelAnnounce')[0]!.hash) }
}

/** A request to key holders with the evaluator's signature, right or of somebody else. */
export async function asked<B extends { query: string; querier: string; instance: string; c1: Uint8Array[] }>(
  wire: Wire,
  assist: 'refresh' | 'switch',
  step: number,
  body: B,
  signer = EVALUATOR
): Promise<B & { signature: Uint8Array }> {
  const { query, querier, instance, c1 } = body
  const statement = { kind: 'request', assist, ...computed(wire, query, querier), step, instance, c1: hex(hashOf(...c1)) } as const
  return { ...body, signature: await signatureOf(wire.session, signer, statement) }
}
