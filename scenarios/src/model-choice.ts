/** What a model file leaves open, as the scenario says, or else its manifest. */
import { InvalidInputError, type Label, type TaskChoice } from '@slytherin/engine'
import { importModelFile, loadLabels, type ModelChoice, manifestTask, SampleFile, sourceOf } from '@slytherin/node'
import { type Scenario, ScenarioFileError } from './scenario.js'

/**
 * @throws DataFileError for a manifest or a file of labels that is none
 * @throws ScenarioFileError for names of classes that the model does not have as many of
 */
export async function modelChoiceOf({ model, manifest, output, inputShape, replace, task, data }: Scenario): Promise<ModelChoice> {
  const wanted: TaskChoice | undefined = task ?? (manifest === undefined ? undefined : await manifestTask(manifest, model))
  const choice = { output, inputShape, replace, task: wanted }
  if (choice.task?.labels !== undefined) return choice
  const classes = await classesOf(data)
  if (classes === undefined) return choice
  const { task: own } = await importModelFile(model, choice)
  // what looks like a regression, a single number, is one of two classes where the labels are names
  if (own.labels !== undefined || own.kind === 'multi-label' || choice.task?.kind === 'regression') return choice
  const named = { ...choice, task: { ...choice.task, labels: classes } }
  try {
    await importModelFile(model, named)
    return named
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error
    const remedy = 'Name all classes in the order of the outputs: --classes a,b,c, or "task: { labels: [a, b, c] }".'
    throw new ScenarioFileError(
      `${data.labels ?? data.samples}: its classes are ${classes.slice(0, 20).join(', ')}. ${error.message}. ${remedy}`,
      {
        cause: error
      }
    )
  }
}

/** Names that the labels of the data have for classes: in a file of their own, or with the samples. */
async function classesOf({ samples, labels, label, normalisation }: Scenario['data']): Promise<readonly Label[] | undefined> {
  const one = { offset: 0, count: 1 }
  if (labels === undefined) return (await SampleFile.open({ ...sourceOf(samples), label, ...one, normalisation })).labels?.classes
  const told = await loadLabels(labels, one)
  return 'labels' in told ? told.classes : undefined
}
