/** A request to begin with: the first sample of the model's test data, as the Open Inference Protocol has it. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { loadSamples, sourceOf } from '@slytherin/node'
import type { ServiceModel } from '../service/description.js'

/** @returns path of the file, in `directory` */
export async function writeExampleRequest({ name, data: { samples, normalisation } }: ServiceModel, directory: string): Promise<string> {
  const [sample] = await loadSamples({ ...sourceOf(samples), offset: 0, count: 1, normalisation })
  const values = [...sample!].map(value => Number(value.toPrecision(5)))
  const file = join(directory, `${name}-request.json`)
  const input = { name: 'input', shape: [1, values.length], datatype: 'FP32', data: values }
  await writeFile(file, JSON.stringify({ id: 'first', inputs: [input] }))
  return file
}
