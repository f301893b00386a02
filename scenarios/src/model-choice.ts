/** What a model file leaves open, as the scenario says, or else its manifest. */
import { type ModelChoice, manifestTask } from '@slytherin/node'
import type { Scenario } from './scenario.js'

/** @throws DataFileError for a manifest that is none */
export async function modelChoiceOf({ model, manifest, output, inputShape, replace, task }: Scenario): Promise<ModelChoice> {
  return { output, inputShape, replace, task: task ?? (await manifestTask(manifest, model)) }
}
