/** What the evaluator of a wired cohort asks of a key holder, for a query that the patient has signed. */
import { createHash } from 'node:crypto'
import { type Bodies, componentsHash, decodeBody, type Statement, statementDigest } from '@slytherin/protocol'
import type { PartyName, WiredCohort } from './wired-cohort.js'

const hashOf = (...strings: Uint8Array[]): Uint8Array =>
  componentsHash(strings.map(bytes => new Uint8Array(createHash('sha256').update(bytes).digest())))
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** Signs in the name of a party. */
async function signatureOf(cohort: WiredCohort, name: PartyName, statement: Statement): Promise<Uint8Array> {
  const { peer, signer } = cohort.parties[name]
  return await signer.sign(statementDigest(cohort.session, peer, statement))
}

/** Announces a query to a key holder; the same again is nothing new. */
async function announce(cohort: WiredCohort, holder: PartyName, query: string): Promise<void> {
  const { peer } = cohort.parties.patient
  const inputs = hashOf(new TextEncoder().encode(query))
  const signature = await signatureOf(cohort, 'patient', { kind: 'query', query, querier: peer, samples: 1, inputs: hex(inputs) })
  await cohort.send('clinic', holder, cohort.message('queryAnnounce', { query, owner: peer, querier: peer, samples: 1, inputs, signature }))
}

/** A request as it was sent, altered, for another query, and signed. */
export async function asked<K extends 'refresh' | 'switch'>(
  cohort: WiredCohort,
  holder: PartyName,
  kind: K,
  sent: Bodies[K],
  query: string,
  alter: Partial<Bodies[K]> = {}
): Promise<Uint8Array> {
  await announce(cohort, holder, query)
  const step = 'step' in sent ? sent.step : cohort.plan.steps.length
  const instance = kind === 'refresh' ? `${query}/${step}/0` : `${query}/result`
  const body = { ...sent, query, instance, ...alter }
  const { querier, c1 } = body
  const inputs = hex(hashOf(new TextEncoder().encode(query)))
  const model = hex(decodeBody('modelAnnounce', cohort.sent('clinic', 'modelAnnounce').header.body, undefined, holder).hash)
  const computed = { query, querier, inputs, model }
  const statement = { kind: 'request', assist: kind, ...computed, step, instance, c1: hex(hashOf(...c1)) } as const
  return cohort.message(kind, { ...body, signature: await signatureOf(cohort, 'clinic', statement) })
}
