/**
 * Refreshed ciphertexts of a query that runs: an evaluator that was killed goes on from the last refresh of each pass, where it would compute everything again. Kept
 * within a bound; what is not, or is damaged, is computed again, to the same bytes.
 */
import type { Resumed } from '../cryptography/release.js'
import { type ContentStore, querySpace } from '../store/content-store.js'
import type { QueryJournal, QueryRecord, RefreshedPass } from './journal.js'

/** Bytes of all queries together. */
export const REFRESHED_BYTES = 4 * 2 ** 30

/** Spaces end as a whole: each refresh has its own, so that the one before goes when the next is there. */
const spaceOf = (query: string, { pass, step }: Pick<RefreshedPass, 'pass' | 'step'>): string => `refreshed-${query}-${pass}-${step}`

/** @param bound bytes of all queries together */
export async function keepRefreshed(
  query: string,
  { pass, step, ciphertexts }: Resumed & { readonly pass: number },
  journal: QueryJournal,
  contents: ContentStore,
  bound: number
): Promise<void> {
  const others = (record: QueryRecord): readonly RefreshedPass[] =>
    (record.refreshed ?? []).filter(kept => record.query !== query || kept.pass !== pass)
  const before = journal.get(query)
  if (before === undefined) return
  const bytes = ciphertexts.reduce((sum, { length }) => sum + length, 0)
  const taken = journal.list('running').flatMap(others)
  if (taken.reduce((sum, kept) => sum + kept.bytes, bytes) > bound) return
  const names: string[] = []
  for (const ciphertext of ciphertexts) names.push(await contents.put(spaceOf(query, { pass, step }), ciphertext))
  const { state } = await journal.change(query, record =>
    record.state === 'running' ? { refreshed: [...others(record), { pass, step, ciphertexts: names, bytes }] } : undefined
  )
  if (state !== 'running') return await contents.clear(spaceOf(query, { pass, step }))
  for (const old of before.refreshed ?? []) {
    if (old.pass === pass && old.step !== step) await contents.clear(spaceOf(query, old))
  }
}

export async function keptRefreshed(
  query: string,
  pass: number,
  journal: QueryJournal,
  contents: ContentStore
): Promise<Resumed | undefined> {
  const kept = journal.get(query)?.refreshed?.find(refreshed => refreshed.pass === pass)
  if (kept === undefined) return undefined
  const ciphertexts = await Promise.all(kept.ciphertexts.map(async name => await contents.get(spaceOf(query, kept), name)))
  if (ciphertexts.some(bytes => bytes === undefined)) return undefined
  return { step: kept.step, ciphertexts: ciphertexts as Uint8Array[] }
}

/** What a query needs while it is open, or runs. */
export async function clearOpen(
  contents: ContentStore,
  { query, refreshed = [] }: Pick<QueryRecord, 'query' | 'refreshed'>
): Promise<void> {
  await contents.clear(querySpace(query))
  for (const kept of refreshed) await contents.clear(spaceOf(query, kept))
}
