/** The evaluator that a configuration names. */
import type { LocalCryptographyOptions } from '@slytherin/protocol'

/** Stock SEAL was asked for and is not there. */
export class SealNotInstalledError extends Error {
  override name = 'SealNotInstalledError'

  constructor(options?: ErrorOptions) {
    super(
      'evaluator "seal" needs node-seal, which is not installed beside slytherin: npm install node-seal@7, or choose evaluator "kernel"',
      options
    )
  }
}

/** Stock SEAL is an optional dependency: it is loaded when it is asked for. @throws SealNotInstalledError */
export async function evaluatorNamed(name: 'kernel' | 'seal'): Promise<Pick<LocalCryptographyOptions, 'evaluator'>> {
  if (name === 'kernel') return {}
  try {
    const { SealEvaluator } = await import('@slytherin/ckks/seal')
    return { evaluator: async context => await SealEvaluator.create(context) }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new SealNotInstalledError({ cause: error })
  }
}
