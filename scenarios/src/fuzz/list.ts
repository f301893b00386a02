/** Every parser of bytes that others may have written. */
import type { Kernel } from '@slytherin/ring'
import type { TargetGroup } from './target.js'
import { smallCohort } from './targets/cohort.js'
import { messageTargets, recordSession } from './targets/messages.js'
import { proofTargets } from './targets/proofs.js'
import { schemeTargets } from './targets/schemes.js'
import { storageTargets } from './targets/storage.js'
import { termsTargets } from './targets/terms.js'

export async function allTargets(kernel: Kernel): Promise<TargetGroup> {
  const session = await recordSession()
  const storage = await storageTargets()
  return {
    targets: [
      ...messageTargets(session),
      ...termsTargets(session),
      ...schemeTargets(smallCohort(kernel, 4, 3)),
      ...proofTargets(smallCohort(kernel, 5, 1)),
      ...storage.targets
    ],
    [Symbol.asyncDispose]: async () => await storage[Symbol.asyncDispose]()
  }
}
