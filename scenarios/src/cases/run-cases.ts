/** A folder of cases, held against what the folder expects of them. */
import { readCases, readExpectations } from './case-files.js'
import { type CaseResult, runCase } from './run-case.js'

export interface JudgedCase extends CaseResult {
  /** wrong; or, in a folder that says which refusals it expects, refused or not refused against that */
  readonly unexpected: boolean
}

/** @throws DataFileError when the folder cannot be read */
export async function runCases(folder: string, onResult: (result: JudgedCase) => void = () => {}): Promise<JudgedCase[]> {
  const expectations = await readExpectations(folder)
  const results: JudgedCase[] = []
  for (const file of await readCases(folder)) {
    const result = await runCase(file)
    const expected = expectations?.[file.name]
    const surprising =
      expected === undefined
        ? result.outcome === 'refused' && expectations !== undefined
        : result.outcome !== 'refused' || !new RegExp(expected.refused).test(result.reason ?? '')
    const judged = { ...result, unexpected: result.outcome === 'wrong' || surprising }
    results.push(judged)
    onResult(judged)
  }
  return results
}
