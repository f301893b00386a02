/** Images for who has nothing to draw with: of the model's test data, one of each class. */
import { loadSamples, sourceOf } from '@slytherin/node'
import type { ServiceModel } from '../service/description.js'

/** Images that are looked through. */
const LOOKED_AT = 200

export interface PageSamples {
  readonly normalisation: { readonly scale: number; readonly mean: number; readonly std: number }
  /** Pixels: bytes, base64. */
  readonly samples: { readonly label: string; readonly pixels: string }[]
}

export async function samplesForPage({ data, file }: ServiceModel): Promise<PageSamples> {
  const plain = { scale: 1, mean: 0, deviation: 1 }
  const select = { offset: 0, count: LOOKED_AT }
  if (data.labels === undefined) throw new Error(`${file}: its data have no labels, by which one image of each class is taken`)
  const labels = await loadSamples({ ...sourceOf(data.labels), ...select, normalisation: plain })
  const images = await loadSamples({ ...sourceOf(data.samples), ...select, normalisation: plain })
  const { normalisation } = data
  if (!('scale' in normalisation)) throw new Error(`${file}: its data are no images`)
  const samples = new Map<number, string>()
  for (const [k, [label]] of labels.entries()) {
    if (!samples.has(label!)) samples.set(label!, Buffer.from(Uint8Array.from(images[k]!)).toString('base64'))
  }
  const { scale, mean, deviation } = normalisation as { scale: number; mean: number; deviation: number }
  const ordered = [...samples].sort(([a], [b]) => a - b).map(([label, pixels]) => ({ label: String(label), pixels }))
  return { normalisation: { scale, mean, std: deviation }, samples: ordered }
}
