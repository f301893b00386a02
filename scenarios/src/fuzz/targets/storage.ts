/** What a party keeps on its own disk, and files of samples and models: who writes there is not always the party. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { importOnnx } from '@slytherin/engine'
import { EngineError } from '@slytherin/engine/errors'
import {
  DataFileError,
  KeyMaterial,
  readCifar10,
  readCsv,
  readIdx,
  readNpy,
  readSealed,
  type SampleArray,
  StorageError,
  writeSealed
} from '@slytherin/node'
import { demand, type Target, type TargetGroup } from '../target.js'

const MODEL = new URL('../../../../models/onnx/breast-cancer-wdbc-logreg.onnx', import.meta.url)
const PURPOSE = 'fuzz'
const LARGEST_ARRAY = 2 ** 22

function checkArray({ rows, columns, value }: SampleArray, bytes: Uint8Array): void {
  demand(Number.isSafeInteger(rows) && Number.isSafeInteger(columns) && rows >= 0 && columns >= 0, 'sizes that are none')
  demand(rows * columns <= LARGEST_ARRAY * Math.max(1, bytes.length), 'more values than bytes can hold')
  if (rows > 0 && columns > 0) demand(typeof value(rows - 1, columns - 1) === 'number', 'a value that is no number')
}

export async function storageTargets(): Promise<TargetGroup> {
  const directory = await mkdtemp(join(tmpdir(), 'slytherin-fuzz-'))
  const material = new KeyMaterial('key', new Uint8Array(32).fill(9))
  const path = join(directory, 'sealed.json')
  await writeSealed(path, PURPOSE, new Uint8Array(64).fill(5), material)
  const sealed = new Uint8Array(await readFile(path))
  const onnx = new Uint8Array(await readFile(MODEL))
  const text = (value: string): Uint8Array => new TextEncoder().encode(value)
  const array = (name: string, corpus: readonly Uint8Array[], read: (bytes: Uint8Array) => SampleArray): Target => ({
    name,
    contract: 'bounded',
    structure: 'bytes',
    weight: 2,
    corpus,
    refusals: [DataFileError],
    parse: bytes => {
      checkArray(read(bytes), bytes)
      return bytes
    }
  })
  const header = "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }".padEnd(117).concat('\n')
  const npy = Buffer.concat([
    Buffer.from('\x93NUMPY\x01\x00', 'latin1'),
    Uint8Array.of(header.length, 0),
    Buffer.from(header, 'latin1'),
    new Uint8Array(new Float64Array(6).fill(1.5).buffer)
  ])
  const idx = Uint8Array.of(0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6)
  return {
    targets: [
      {
        name: 'sealed file',
        contract: 'authenticated',
        structure: 'json',
        weight: 1,
        corpus: [sealed],
        refusals: [StorageError],
        parse: async bytes => {
          await writeFile(path, bytes)
          const read = await readSealed(path, PURPOSE, material)
          demand(read.equals(new Uint8Array(64).fill(5)), 'other contents')
          return bytes
        }
      },
      array('npy file', [new Uint8Array(npy)], bytes => readNpy(bytes, 'x.npy')),
      array('idx file', [idx], bytes => readIdx(bytes, 'x.idx')),
      array('cifar10 file', [new Uint8Array(2 * 3073).fill(7)], bytes => readCifar10(bytes, 'x.bin')),
      array('csv file', [text('a,b\n1,2\n3,4\n')], bytes => readCsv(bytes, 'x.csv')),
      {
        name: 'onnx file',
        contract: 'bounded',
        structure: 'protobuf',
        weight: 3,
        corpus: [onnx],
        refusals: [EngineError],
        parse: bytes => {
          importOnnx(bytes)
          return bytes
        }
      }
    ],
    [Symbol.asyncDispose]: async () => await rm(directory, { recursive: true, force: true })
  }
}
