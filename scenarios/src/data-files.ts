/** Data that a scenario needs and that everybody gets by themselves: whether they are here, before anything starts. */
import { access } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type Scenario, ScenarioFileError } from './scenario.js'

/** @throws ScenarioFileError naming the file that is missing, and where its data are had */
export async function checkDataFiles({ data: { samples, labels, calibration, source } }: Pick<Scenario, 'data'>): Promise<void> {
  for (const file of new Set([samples, labels, calibration])) {
    // a part of a file is named behind a #
    if (file === undefined || (await exists(file)) || (await exists(file.replace(/#[^#]*$/, '')))) continue
    const remedy = source === undefined ? 'check the path' : `its data are had from ${source}: put them into ${dirname(file)}`
    throw new ScenarioFileError(`${file}: no such file; ${remedy}`)
  }
}

const exists = async (file: string): Promise<boolean> =>
  await access(file).then(
    () => true,
    () => false
  )
