/** A service with witnesses, one querier and its grant. */
import { realSamples } from '../../support/real-session.js'
import { errorOf } from './small-model.js'
import { type ServiceOptions, served } from './whole-service.js'

export const HOLDERS = ['holder-1', 'holder-2', 'holder-3']
const PARTIES = ['evaluator', ...HOLDERS, 'owner', 'querier']

export async function witnessed(witnesses: readonly string[], more: Partial<ServiceOptions> = {}) {
  const made = await served({ parties: [...PARTIES, ...witnesses], ...more })
  const { service, epoch, release, grant, known } = made
  const own = await grant('querier')
  await known('querier', own)
  const { client } = service.node('querier')
  let asked = 0
  /** Of other samples each time. @returns the error of the answer */
  const ask = async (onStep?: (step: string) => void): Promise<number> => {
    const samples = realSamples(64).slice(2 * asked, 2 * ++asked)
    const options = { grant: own, signal: AbortSignal.timeout(60_000) }
    const { logits } = await client.ask(release, samples, {
      ...options,
      onEvent: event => event.kind === 'status' && onStep?.(event.status.step)
    })
    return errorOf(samples, logits)
  }
  /** Ciphertexts that holders have helped to refresh or to decrypt. */
  const helped = async (): Promise<number> => {
    let sum = 0
    for (const holder of HOLDERS) {
      const { books, epochs } = service.node(holder)
      const { proposal } = (await epochs.epoch(epoch)).record
      const { refreshes, decryptions } = await books.epochUse(epoch, proposal)
      sum += refreshes.used + decryptions.used
    }
    return sum
  }
  /** Since the witness was started. */
  const endorsements = (witness: string): number => service.node(witness).witness!.report().endorsements
  return { ...made, ask, helped, endorsements }
}
