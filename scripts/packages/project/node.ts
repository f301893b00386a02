import { readFile } from 'node:fs/promises'
import { describePlan, Model } from 'slytherin'
import { Parameters } from 'slytherin/ckks'
import { evaluate } from 'slytherin/engine'
import { InMemoryShareLedger } from 'slytherin/mhe'
import { readNpy } from 'slytherin/node'
import { LocalCryptography } from 'slytherin/protocol'
import { LocalServiceCryptography } from 'slytherin/protocol/service'
import { loadKernel } from 'slytherin/ring'

for (const known of [Parameters, InMemoryShareLedger, LocalCryptography, LocalServiceCryptography, loadKernel]) {
  if (typeof known !== 'function') throw new Error('an export is missing')
}

async function rowsOf(file: string): Promise<Float64Array[]> {
  const array = readNpy(await readFile(file), file)
  return Array.from({ length: array.rows }, (_, row) =>
    Float64Array.from({ length: array.columns }, (_, column) => array.value(row, column))
  )
}

const [file, calibration, test] = process.argv.slice(2) as [string, string, string]
const rows = (await rowsOf(test)).slice(0, 8)
await using model = await Model.load(file)
const plan = await model.plan({ samples: await rowsOf(calibration), batch: rows.length })
const answers = await model.predict(rows)
let worst = 0
for (const [k, { outputs }] of answers.entries()) worst = Math.max(worst, Math.abs(outputs[0]! - evaluate(model.graph, rows[k]!)[0]!))
if (!(worst < plan.precision.worstError)) throw new Error(`an error of ${worst}, beyond ${plan.precision.worstError}`)
console.log(`${answers.length} encrypted predictions, worst logit error ${worst.toExponential(1)}; ${describePlan(plan).split('\n')[0]}`)
