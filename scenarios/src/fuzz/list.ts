/** Every parser of bytes that others may have written. */
import type { Kernel } from '@slytherin/ring'
import type { TargetGroup } from './target.js'
import { smallCohort } from './targets/cohort.js'
import { evidenceTargets } from './targets/evidence.js'
import { ledgerTargets } from './targets/ledger.js'
import { messageTargets, recordSession } from './targets/messages.js'
import { proofTargets } from './targets/proofs.js'
import { schemeTargets } from './targets/schemes.js'
import { serviceTargets } from './targets/service.js'
import { storageTargets } from './targets/storage.js'
import { termsTargets } from './targets/terms.js'
import { thresholdTargets } from './targets/threshold.js'

export async function allTargets(kernel: Kernel): Promise<TargetGroup> {
  const session = await recordSession()
  const groups = [await storageTargets(), await evidenceTargets(session), await ledgerTargets()]
  return {
    targets: [
      ...messageTargets(session),
      ...termsTargets(session),
      ...(await serviceTargets(session)),
      ...schemeTargets(smallCohort(kernel, 4, 3)),
      ...proofTargets(smallCohort(kernel, 5, 1)),
      ...(await thresholdTargets(smallCohort(kernel, 4, 1))),
      ...groups.flatMap(({ targets }) => targets)
    ],
    [Symbol.asyncDispose]: async () => {
      for (const group of groups) await group[Symbol.asyncDispose]()
    }
  }
}
