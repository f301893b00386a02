/** Shares of epochs that are over: erased, so that whoever comes by the disk of a holder later learns nothing of what was asked before. */
import { EpochRefusedError } from '../../errors/errors.js'
import type { EpochProposal, EpochRecord } from '../objects/epoch.js'
import { ERASE_AFTER } from '../objects/validity.js'
import type { EpochsOptions } from './options.js'

/** Record of an epoch whose share was erased. */
const ERASED = 'epoch-erased'

/** Shares of epochs that have been over for a day and of which this party was a holder at some time, each once. @param erase may be repeated */
export async function eraseOver(
  { epochs, records, self, now = Date.now }: Pick<EpochsOptions, 'epochs' | 'records' | 'self' | 'now'>,
  erase: (record: EpochRecord) => Promise<void>
): Promise<void> {
  for (const { document: record } of await epochs.list()) {
    const { sharing, proposal } = record
    if (proposal.expires + ERASE_AFTER > now() || (await records.get(ERASED, sharing.epoch)) === true) continue
    const sharings = [sharing, ...(await epochs.sharings(sharing.epoch)).map(({ document }) => document)]
    if (!sharings.some(({ holders }) => holders.some(({ peer }) => peer === self))) continue
    await erase(record)
    await records.put(ERASED, sharing.epoch, true)
  }
}

/** @throws EpochRefusedError when the epoch is over */
export function demandInForce({ expires }: EpochProposal, self: string, now: number): void {
  if (now <= expires) return
  throw new EpochRefusedError({
    peer: self,
    kind: 'epoch',
    field: 'expires',
    actual: new Date(expires).toISOString(),
    reason: 'the epoch is over',
    remedy: 'Make another: slytherin cohort create.'
  })
}
