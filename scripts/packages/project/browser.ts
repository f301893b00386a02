import { Context, Parameters } from '@slytherin/ckks'
import { importOnnx, type NetworkGraph } from '@slytherin/engine'
import { PublicKeyGeneration } from '@slytherin/mhe'
import { loadKernel, randomSeed } from '@slytherin/ring'
import { type Answer, Model } from 'slytherin'
import { Ring } from 'slytherin/ring'
import { PageQuerier } from 'slytherin/web'

export async function generation(json: unknown): Promise<PublicKeyGeneration> {
  return new PublicKeyGeneration(Context.create(Parameters.fromJSON(json), await loadKernel({ threads: 'auto' })), randomSeed())
}

export const graphOf = (bytes: Uint8Array): NetworkGraph => importOnnx(bytes)

export async function ask(address: URL, rows: number[][]): Promise<Answer[]> {
  await using model = await Model.load(address)
  await model.plan({ samples: rows })
  return await model.predict(rows)
}

export const structure: typeof Ring = Ring

export const querier = (plan: unknown, publicKey: Uint8Array): Promise<PageQuerier> => PageQuerier.open({ plan, publicKey })

// @ts-expect-error rows are numbers
export const wrong = ask(new URL('https://example.org/'), [['a']])
