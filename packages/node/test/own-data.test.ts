/** Files of samples of every format: told by their contents, read as they were written, and refused where they are hostile. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deflateSync, gzipSync } from 'node:zlib'
import type { SampleArray, Samples } from '@slytherin/node'
import { DataFileError, loadLabels, loadSamples, readCsv, readIdx, readJson, readNpy, readNpz, SampleFile, sourceOf } from '@slytherin/node'
import fc from 'fast-check'
import { decode, encode } from 'fast-png'
import { strToU8, zipSync } from 'fflate'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const PLAIN = { offset: 0, normalisation: { scale: 1, mean: 0, deviation: 1 } }

const rowsOf = (array: SampleArray): number[][] =>
  Array.from({ length: array.rows }, (_, row) => Array.from({ length: array.columns }, (_unused, column) => array.value(row, column)))

function npy(descr: string, shape: readonly number[], data: Uint8Array, order = 'False'): Buffer {
  const text = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': (${shape.join(', ')},), }`.padEnd(117).concat('\n')
  const length = Buffer.alloc(2)
  length.writeUInt16LE(text.length)
  return Buffer.concat([Buffer.from('\x93NUMPY\x01\x00', 'latin1'), length, Buffer.from(text, 'latin1'), data])
}

/** Tables of finite doubles, of one width. */
const tables = fc.integer({ min: 1, max: 6 }).chain(width =>
  fc.array(fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: width, maxLength: width }), {
    minLength: 1,
    maxLength: 12
  })
)
const seeded = { seed: 20260412, numRuns: 100 }

describe('samples of every format', () => {
  let folder: string
  const write = async (name: string, content: string | Uint8Array): Promise<string> => {
    const file = join(folder, name)
    await writeFile(file, content)
    return file
  }
  const read = async (file: string): Promise<number[][]> => (await loadSamples({ ...sourceOf(file), ...PLAIN })).map(row => [...row])

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'slytherin-own-data-'))
  })
  afterEach(async () => await rm(folder, { recursive: true }))

  it('what was written as text is read again, bit by bit', () => {
    fc.assert(
      fc.property(tables, fc.constantFrom(',', ';', '\t'), fc.boolean(), (table, separator, heading) => {
        const lines = [...(heading ? [table[0]!.map((_, k) => `field ${k}`)] : []), ...table.map(row => row.map(value => String(value)))]
        expect(rowsOf(readCsv(Buffer.from(lines.map(line => line.join(separator)).join('\n')), 'x.csv'))).toEqual(
          table.map(row => row.map(value => value + 0))
        )
        expect(rowsOf(readJson(Buffer.from(JSON.stringify(table)), 'x.json'))).toEqual(table.map(row => row.map(value => value + 0)))
        const records = table.map(row => Object.fromEntries(row.map((value, k) => [`field ${k}`, value])))
        expect(rowsOf(readJson(Buffer.from(JSON.stringify(records)), 'x.json'))).toEqual(table.map(row => row.map(value => value + 0)))
      }),
      seeded
    )
  })

  it('arrays of any shape are the same in C and in Fortran order, in both byte orders', () => {
    const shapes = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(shapes, fc.constantFrom('<', '>'), (shape, order) => {
        const size = shape.reduce((product, axis) => product * axis, 1)
        const file = (fortran: boolean): Buffer => {
          const data = Buffer.alloc(8 * size)
          for (let k = 0; k < size; k++) {
            let [rest, place, stride] = [k, 0, 1]
            // the indices of element k, last axis fastest, and where it lies when the first is
            const indices = shape.toReversed().map(axis => {
              const index = rest % axis
              rest = Math.floor(rest / axis)
              return index
            })
            indices.reverse().forEach((index, axis) => {
              place += index * stride
              stride *= shape[axis]!
            })
            const at = 8 * (fortran ? place : k)
            if (order === '<') data.writeDoubleLE(k, at)
            else data.writeDoubleBE(k, at)
          }
          return npy(`${order}f8`, shape, data, fortran ? 'True' : 'False')
        }
        const [rows, fortran] = [readNpy(file(false), 'x.npy'), readNpy(file(true), 'x.npy')]
        expect(rowsOf(fortran)).toEqual(rowsOf(rows))
        expect(rowsOf(rows).flat()).toEqual(Array.from({ length: size }, (_, k) => k))
      }),
      seeded
    )
  })

  it('a format is told by its contents, whatever the name', async () => {
    const data = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer)
    const array = npy('<f4', [2, 2], data)
    const contents: Record<string, Uint8Array> = {
      npy: array,
      'packed npy': gzipSync(array),
      npz: zipSync({ 'x.npy': array }),
      csv: strToU8('1,2\n3,4\n'),
      'csv with a heading': strToU8('a;b\n1;2\n3;4\n'),
      'json list': strToU8('[[1, 2], [3, 4]]'),
      'json records': strToU8('[{"a": 1, "b": 2}, {"a": 3, "b": 4}]'),
      'json of one list': strToU8('{"samples": [[1, 2], [3, 4]]}'),
      idx: Uint8Array.of(0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4)
    }
    for (const [kind, bytes] of Object.entries(contents)) {
      expect(await read(await write('samples.bin', bytes)), kind).toEqual([
        [1, 2],
        [3, 4]
      ])
    }
    await expect(read(await write('movie.mp4', Uint8Array.of(9, 0, 1, 2)))).rejects.toMatchObject({
      field: 'contents',
      remedy: expect.stringContaining('numpy.save')
    })
    await expect(read(await write('utf16.csv', Buffer.from('\ufeff1,2\n', 'utf16le')))).rejects.toMatchObject({ field: 'encoding' })
    await expect(read(join(folder, 'absent.npy'))).rejects.toMatchObject({ field: 'file', actual: expect.stringContaining('ENOENT') })
  })

  it('the class of a record is a field by name; labels alone are read from a field, an array, or a file of their own', async () => {
    const text = '5.1,3.5,setosa\n7.0,3.2,versicolor\n6.3,3.3,setosa\n'
    const flowers = await write('flowers.csv', `length,width,kind\n${text}`)
    const open = async (file: string, label: string): Promise<Samples> => await SampleFile.open({ ...sourceOf(file), label, ...PLAIN })
    const named = await open(flowers, 'kind')
    expect([...named].map(row => [...row])).toEqual([
      [5.1, 3.5],
      [7, 3.2],
      [6.3, 3.3]
    ])
    const labels = { labels: ['setosa', 'versicolor', 'setosa'], classes: ['setosa', 'versicolor'] }
    expect(named.labels).toEqual(labels)
    expect((await open(await write('bare.csv', text), '2')).labels).toEqual(labels)
    const all = { offset: 0, count: 3 }
    expect(await loadLabels(`${flowers}#kind`, all)).toEqual(labels)
    expect(await loadLabels(await write('kinds.csv', 'setosa\nversicolor\nsetosa\n'), all)).toEqual(labels)
    expect(await loadLabels(await write('kinds.json', '["setosa", "versicolor", "setosa"]'), all)).toEqual(labels)
    const records = '[{"image": [[1, 2], [3, 4]], "kind": "b"}, {"image": [[5, 6], [7, 8]], "kind": "a"}]'
    const images = await open(await write('images.json', records), 'kind')
    expect([...images.as([1, 2, 2])].map(row => [...row])).toEqual([
      [1, 2, 3, 4],
      [5, 6, 7, 8]
    ])
    expect(images.labels).toEqual({ labels: ['b', 'a'], classes: ['a', 'b'] })
    const archive = await write(
      'set.npz',
      zipSync({ 'x.npy': npy('|u1', [2, 2], Uint8Array.of(1, 2, 3, 4)), 'y.npy': npy('|i1', [2], Uint8Array.of(1, 0)) })
    )
    expect(await read(`${archive}#x`)).toEqual([
      [1, 2],
      [3, 4]
    ])
    expect((await loadLabels(`${archive}#y`, { offset: 1, count: 1 })) as Float64Array[]).toEqual([Float64Array.of(0)])
    await expect(loadLabels(`${flowers}#kind`, { offset: 0, count: 4 })).rejects.toMatchObject({
      field: 'labels',
      expected: expect.stringContaining('4')
    })
    await expect(open(flowers, 'kimd')).rejects.toMatchObject({ field: 'label', remedy: 'Did you mean "kind"?' })
    await expect(read(flowers)).rejects.toMatchObject({ field: 'record 2, kind', remedy: expect.stringContaining('--label-column kind') })
    await expect(read(await write('index.csv', ',a\n0,1\n1,2\n'))).rejects.toMatchObject({ remedy: expect.stringContaining('index=False') })
    await expect(SampleFile.open({ ...sourceOf(archive), label: 'x', ...PLAIN })).rejects.toMatchObject({
      field: 'label',
      remedy: expect.stringContaining('JSON')
    })
  })

  it('a folder of PNG images, of every kind of PNG, for networks of one channel and of three', async () => {
    const [width, height] = [3, 2]
    const grey = Uint8Array.of(0, 51, 102, 153, 204, 255)
    const colours = Uint8Array.from({ length: 18 }, (_, k) => (k * 37) % 256)
    for (const name of ['cat', 'dog']) await mkdir(join(folder, 'animals', name), { recursive: true })
    await write('animals/cat/1.png', encode({ width, height, data: grey, channels: 1 }))
    await write('animals/cat/2.PNG', encode({ width, height, data: colours, channels: 3 }))
    await write('animals/dog/1.png', encode({ width, height, data: Uint16Array.from(grey, value => value * 257), channels: 1, depth: 16 }))
    await write('animals/dog/.hidden.png', 'no image')
    const animals = await SampleFile.open({ ...sourceOf(join(folder, 'animals')), ...PLAIN })
    expect(animals.labels).toEqual({ labels: ['cat', 'dog', 'cat'], classes: ['cat', 'dog'] })
    const planes = [0, 1, 2].map(channel => Array.from({ length: 6 }, (_, pixel) => colours[3 * pixel + channel]!))
    expect([...animals.as([3, 2, 3])].map(row => [...row])).toEqual([
      [...grey, ...grey, ...grey],
      [...grey, ...grey, ...grey],
      planes.flat()
    ])
    const luminance = planes[0]!.map((red, k) =>
      Math.floor((red * 19_595 + planes[1]![k]! * 38_470 + planes[2]![k]! * 7471 + 32_768) / 65_536)
    )
    expect([...animals.as([1, 2, 3])].map(row => [...row])).toEqual([[...grey], [...grey], luminance])
    expect(() => animals.as([1, 28, 28])).toThrow(
      expect.objectContaining({ field: 'shape of a sample', remedy: expect.stringContaining('size') })
    )
    await write('animals/dog/2.png', encode({ width: 1, height: 1, data: Uint8Array.of(1), channels: 1 }))
    await expect(read(join(folder, 'animals'))).rejects.toMatchObject({ field: 'size', remedy: expect.stringContaining('one size') })
    await mkdir(join(folder, 'empty'))
    await expect(read(join(folder, 'empty'))).rejects.toMatchObject({ field: 'images' })
    await writeFile(join(folder, 'empty', 'x.png'), 'GIF89a')
    await expect(read(join(folder, 'empty'))).rejects.toMatchObject({ field: 'signature' })
  })

  it('anything at all is read or refused by a typed error, and quickly', () => {
    const parts = fc.constantFrom(
      '\x93NUMPY\x01\x00v\x00',
      "{'descr': '<f8', 'fortran_order': True, 'shape': (0, 99999999999,), }",
      '[[1,',
      '{"a":',
      ',1\n',
      '"',
      'PK\x03\x04',
      '\x00\x00\x08\x03',
      '\x1f\x8b'
    )
    const hostile = fc
      .array(
        fc.oneof(
          parts.map(text => Buffer.from(text, 'latin1')),
          fc.uint8Array({ maxLength: 40 })
        ),
        { maxLength: 8 }
      )
      .map(chunks => Buffer.concat(chunks))
    fc.assert(
      fc.property(hostile, bytes => {
        for (const reader of [readNpy, readNpz, readCsv, readIdx, readJson]) {
          try {
            reader(bytes, 'x')
          } catch (error) {
            expect(error).toBeInstanceOf(DataFileError)
          }
        }
      }),
      { ...seeded, numRuns: 200 }
    )
  })

  it('bombs and headers that promise too much are refused before anything is unpacked', async () => {
    const small = npy('|u1', [4], Uint8Array.of(1, 2, 3, 4))
    /** An archive whose directory says that the array is so large. */
    const lying = (size: number): Uint8Array => {
      const bytes = zipSync({ 'x.npy': small })
      const directory = Buffer.from(bytes).indexOf('PK\x01\x02', 0, 'latin1')
      new DataView(bytes.buffer).setUint32(directory + 24, size, true)
      return bytes
    }
    expect(() => readNpz(lying(0xf0_00_00_00), 'a.npz')).toThrow(expect.objectContaining({ field: 'size' }))
    expect(() => readNpz(lying(50_000_000), 'a.npz')).toThrow(expect.objectContaining({ field: 'size' }))
    expect(() => readNpz(lying(20), 'a.npz')).toThrow(DataFileError)
    const header = (length: number): Buffer =>
      Buffer.concat([Buffer.from('\x93NUMPY\x02\x00', 'latin1'), Buffer.from(Uint32Array.of(length).buffer), Buffer.alloc(100_000, ' ')])
    for (const length of [90_000, 0xff_ff_ff_ff])
      expect(() => readNpy(header(length), 'x.npy')).toThrow(expect.objectContaining({ field: 'header' }))
    expect(() => readNpy(npy('<f8', [0, 2 ** 40], new Uint8Array(0), 'True'), 'x.npy')).toThrow(expect.objectContaining({ field: 'shape' }))
    expect(() => readNpy(npy('<f8', [2 ** 30, 2 ** 30, 2 ** 30], new Uint8Array(8)), 'x.npy')).toThrow(
      expect.objectContaining({ field: 'length' })
    )
    expect(() => readJson(Buffer.from('['.repeat(200_000)), 'x.json')).toThrow(DataFileError)
    expect(() => readJson(Buffer.from(`${'['.repeat(50)}1${']'.repeat(50)}`), 'x.json')).toThrow(DataFileError)

    const picture = encode({ width: 4, height: 4, data: new Uint8Array(16), channels: 1 })
    expect(decode(picture).width).toBe(4)
    await mkdir(join(folder, 'bombs'))
    const refused = async (bytes: Uint8Array): Promise<void> => {
      await write('bombs/x.png', bytes)
      await expect(read(join(folder, 'bombs'))).rejects.toMatchObject({ name: 'DataFileError' })
    }
    const data = Buffer.from(picture).indexOf('IDAT', 0, 'latin1')
    const bomb = deflateSync(new Uint8Array(20_000_000))
    const length = Buffer.alloc(4)
    length.writeUInt32BE(bomb.length)
    const rest = picture.subarray(data + 4 + Buffer.from(picture).readUInt32BE(data - 4))
    await refused(Buffer.concat([picture.subarray(0, data - 4), length, Buffer.from('IDAT'), bomb, rest]))
    for (const cut of [9, 20, 40, picture.length - 4]) await refused(picture.subarray(0, cut))
    const giant = Uint8Array.from(picture)
    new DataView(giant.buffer).setUint32(16, 0x7f_ff_ff_ff)
    await refused(giant)
  })
})
