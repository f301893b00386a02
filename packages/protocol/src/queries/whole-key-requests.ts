/** What the evaluator asks of a key holder that is the only one, in place of shares. */
import type { RefreshWholeRequest, SwitchRequest } from '../cryptography/key-holder.js'
import { MalformedMessageError } from '../errors/errors.js'
import { connectionsWith, type Lead } from '../session/lead.js'
import { checkStatement, hashOfAll, signStatement } from '../session/statements.js'
import { switchStep } from '../terms/instances.js'
import { peersWith } from '../terms/roster.js'
import type { Assisted, Computed } from '../terms/statements.js'
import { checkList } from '../wire/checks.js'
import type { Connection } from '../wire/connection.js'
import type { Bodies } from '../wire/kinds.js'

interface Asking {
  readonly kind: 'refreshWhole' | 'switchWhole'
  readonly assisted: Assisted
  readonly count: number
  /** Most bytes of an answer. */
  readonly bound: number
  ask(holder: Connection, signature: Uint8Array): Promise<Bodies['reencrypted']>
}

/** Whether a querier holds the whole key. */
export function holdsWholeKey({ roster }: Pick<Lead, 'roster'>, querier: string): boolean {
  const holders = peersWith(roster, 'key-holder')
  return holders.length === 1 && holders[0] === querier
}

/** One re-encryption for each ciphertext. */
export async function refreshWhole(lead: Lead, computed: Computed, request: RefreshWholeRequest): Promise<Uint8Array[]> {
  const { instance, step, level, scale, magnitude, masked, c1 } = request
  const { query, querier } = computed
  const kind = 'refreshWhole'
  const ciphertexts = await answered(lead, {
    kind,
    assisted: { assist: 'refresh', ...computed, step, instance, c1: await hashOfAll([...c1, ...masked]) },
    count: c1.length,
    bound: lead.session().record.sizes.refreshed,
    ask: async (holder, signature) => {
      return await holder.request(kind, { instance, level, scale, magnitude, masked, c1, query, querier, step, signature }, lead.signal)
    }
  })
  lead.session().refreshes.add(instance)
  return ciphertexts
}

/** One re-encryption for each ciphertext, for the querier's registered key. */
export async function switchWhole(lead: Lead, computed: Computed, request: SwitchRequest): Promise<Uint8Array[]> {
  const { instance, level, noise, c1 } = request
  const { query, querier } = computed
  const kind = 'switchWhole'
  const step = switchStep(lead.session().plan)
  return await answered(lead, {
    kind,
    assisted: { assist: 'switch', ...computed, step, instance, c1: await hashOfAll(c1) },
    count: c1.length,
    bound: lead.session().record.sizes.switchShare,
    ask: async (holder, signature) => await holder.request(kind, { query, querier, instance, level, noise, c1, signature }, lead.signal)
  })
}

async function answered(lead: Lead, { kind, assisted, count, bound, ask }: Asking): Promise<Uint8Array[]> {
  const session = lead.session()
  const holder = connectionsWith(lead, 'key-holder')[0]!
  const { peer } = holder
  const { assist: phase } = assisted
  const asked = await signStatement(lead, session, { kind: 'request', ...assisted })
  const { ciphertexts, signature } = await lead.meter.measure(phase, async () => await ask(holder, asked))
  checkList(ciphertexts, count, bound, 'ciphertexts', kind, peer)
  if (ciphertexts.length !== count) {
    const [expected, actual] = [`${count} ciphertexts`, String(ciphertexts.length)]
    throw new MalformedMessageError({ peer, kind, field: 'ciphertexts', expected, actual })
  }
  const statement = { kind: 'shares', ...assisted, shares: await hashOfAll(ciphertexts) } as const
  await checkStatement(lead, session, { signer: peer, statement, signature }, { peer, kind, field: 'signature' })
  lead.progress({ phase, done: 1, total: 1, peer })
  return ciphertexts
}
