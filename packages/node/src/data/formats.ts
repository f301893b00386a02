/** The formats of data files, in the order in which contents are held against them: what has a sign of its own comes before what could be anything. */
import { cifar10 } from './cifar10.js'
import { csv } from './csv.js'
import type { DataFormat } from './format.js'
import { idx } from './idx.js'
import { json } from './json.js'
import { npy } from './npy.js'
import { npz } from './npz.js'

export const FORMATS: readonly DataFormat[] = [npy, npz, idx, cifar10, json, csv]

/** Which format contents are of; where several could be meant, or none is recognised, the name decides. */
export function formatOf(head: Uint8Array, size: number, file: string): DataFormat | undefined {
  const name = file.toLowerCase().replace(/\.gz$/, '')
  const named = FORMATS.find(({ endings }) => endings.some(ending => name.endsWith(ending)))
  if (named?.recognises(head, size)) return named
  return FORMATS.find(format => format.recognises(head, size)) ?? named
}
