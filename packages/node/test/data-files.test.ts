import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync, inflateSync } from 'node:zlib'
import { DataFileError, loadLabels, loadSamples, readCifar10, readCsv, readIdx, readNpy, readNpz } from '@slytherin/node'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

describe('sample files', () => {
  const idx = (type: number, shape: number[], data: number[]): Uint8Array => {
    const header = new DataView(new ArrayBuffer(4 + 4 * shape.length))
    header.setUint8(2, type)
    header.setUint8(3, shape.length)
    for (const [i, size] of shape.entries()) header.setUint32(4 + 4 * i, size)
    return Buffer.concat([new Uint8Array(header.buffer), Uint8Array.from(data)])
  }
  const npy = (descr: string, shape: string, data: Uint8Array, order = 'False'): Uint8Array => {
    const text = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': (${shape}), }`.padEnd(117).concat('\n')
    const length = Buffer.alloc(2)
    length.writeUInt16LE(text.length)
    return Buffer.concat([Buffer.from('\x93NUMPY\x01\x00', 'latin1'), length, Buffer.from(text, 'latin1'), data])
  }

  it('IDX, plain or gzip, with offset, count and normalisation', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'slytherin-samples-'))
    try {
      const file = join(directory, 'images.gz')
      await writeFile(file, gzipSync(idx(8, [3, 2, 2], [0, 0, 0, 0, 0, 51, 102, 255, 9, 9, 9, 9])))
      const samples = await loadSamples({
        idx: file,
        offset: 1,
        count: 1,
        normalisation: { scale: 1 / 255, mean: 0.2, deviation: 0.5, clip: 1 }
      })
      expect(samples).toHaveLength(1)
      expect(samples[0]![0]).toBeCloseTo(-0.4, 12)
      expect(samples[0]![1]).toBeCloseTo(0, 12)
      expect(samples[0]![2]).toBeCloseTo(0.4, 12)
      expect(samples[0]![3]).toBe(1)
      const tooMany = loadSamples({ idx: file, offset: 1, count: 3, normalisation: { scale: 1, mean: 0, deviation: 1 } })
      await expect(tooMany).rejects.toMatchObject({ name: 'DataFileError', field: 'samples', expected: 'at least 4', actual: '3' })
      const narrow = loadSamples({ idx: file, offset: 0, normalisation: { scale: 1, mean: [1, 2], deviation: 1 } })
      await expect(narrow).rejects.toMatchObject({ field: 'normalisation.mean' })
    } finally {
      await rm(directory, { recursive: true })
    }
  })

  it('several inputs by name, in the order of the model', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'slytherin-samples-'))
    try {
      const [image, table] = [join(directory, 'image.idx'), join(directory, 'table.csv')]
      await writeFile(image, idx(8, [3, 2, 2], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]))
      await writeFile(table, 'a,b\n0.5,1\n1.5,2\n2.5,3\n')
      const parts = [
        { name: 'table', shape: [2] },
        { name: 'image', shape: [1, 2, 2] }
      ]
      const inputs = { image: { idx: image, normalisation: { scale: 0.5, mean: 0, deviation: 1 } }, table: { csv: table } }
      const normalisation = { scale: 1, mean: 0, deviation: 1 }
      const loaded = await loadSamples({ inputs, offset: 1, count: 2, normalisation }, [6], parts)
      expect(loaded.map(row => [...row])).toEqual([
        [1.5, 2, 2, 2.5, 3, 3.5],
        [2.5, 3, 4, 4.5, 5, 5.5]
      ])
      const other = loadSamples({ inputs: { image: { idx: image }, other: { csv: table } }, offset: 0, normalisation }, [6], parts)
      await expect(other).rejects.toMatchObject({
        name: 'DataFileError',
        field: 'inputs',
        expected: 'table, image',
        actual: 'image, other'
      })
      const single = loadSamples({ inputs, offset: 0, normalisation }, [6])
      await expect(single).rejects.toMatchObject({ field: 'inputs', expected: 'one input without a name' })
      const narrow = loadSamples({ inputs, offset: 0, normalisation }, [6], [parts[0]!, { name: 'image', shape: [1, 3, 3] }])
      await expect(narrow).rejects.toMatchObject({ field: 'shape of a sample', expected: '1×3×3' })
      await writeFile(table, 'a,b\n0.5,1\n')
      const uneven = loadSamples({ inputs, offset: 0, normalisation }, [6], parts)
      await expect(uneven).rejects.toMatchObject({ field: 'samples', expected: 'as many as of "image", 3', actual: '1' })
    } finally {
      await rm(directory, { recursive: true })
    }
  })

  it('npy, and a typed error for everything else', () => {
    const floats = npy('<f4', '2, 3', new Uint8Array(Float32Array.of(1, 2, 3, 4.5, Number.NaN, 6).buffer))
    const array = readNpy(floats, 'x.npy')
    expect([array.rows, array.columns, array.value(1, 0)]).toEqual([2, 3, 4.5])
    const broken: [string, () => unknown][] = [
      ['length', () => readNpy(floats.subarray(0, -1), 'x.npy')],
      ['type', () => readNpy(npy('<c16', '1, 1', new Uint8Array(16)), 'x.npy')],
      ['fortran_order', () => readNpy(npy('<f4', '1, 1', new Uint8Array(4), 'Maybe'), 'x.npy')],
      ['magic', () => readNpy(new Uint8Array(20), 'x.npy')],
      ['magic', () => readIdx(Uint8Array.of(1, 2, 3, 4), 'x.idx')],
      ['element type', () => readIdx(idx(7, [1], [1]), 'x.idx')],
      ['length', () => readIdx(idx(8, [2, 2], [1, 2, 3]), 'x.idx')],
      ['gzip', () => readIdx(gzipSync(idx(8, [1], [1])).subarray(0, 12), 'x.idx')]
    ]
    for (const [field, read] of broken) expect(read, field).toThrow(expect.objectContaining({ name: 'DataFileError', field }))
    expect(() => readIdx(idx(7, [1], [1]), 'x.idx')).toThrow(DataFileError)
  })

  it("CIFAR-10's binary version: images, channels first, and their labels, from one file", async () => {
    const directory = await mkdtemp(join(tmpdir(), 'slytherin-cifar-'))
    try {
      const records = [3, 9].map(label => Buffer.from([label, ...Array.from({ length: 3072 }, (_, k) => (k * 7 + label) % 256)]))
      const file = join(directory, 'test_batch.bin')
      await writeFile(file, Buffer.concat(records))
      const normalisation = { scale: 1, mean: 0, deviation: 1 }
      const images = await loadSamples({ file, offset: 1, count: 1, normalisation }, [3, 32, 32])
      expect([...images[0]!]).toEqual([...records[1]!.subarray(1)])
      expect(await loadLabels(file, { offset: 0, count: 2 })).toEqual({ labels: [3, 9] })
      await expect(loadSamples({ file, offset: 0, normalisation }, [32, 32, 3])).rejects.toMatchObject({
        expected: '32×32×3',
        actual: '3×32×32'
      })
      await writeFile(`${file}.gz`, gzipSync(Buffer.concat(records)))
      expect(await loadLabels(`${file}.gz`, { offset: 1, count: 1 })).toEqual({ labels: [9] })
      expect(await loadSamples({ file: `${file}.gz`, offset: 1, normalisation }, [3, 32, 32])).toEqual(images)
    } finally {
      await rm(directory, { recursive: true })
    }
  })

  it('no part of a record, and no label that CIFAR-10 lacks, passes for its binary version', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 3 }),
        fc.constantFrom(0, 0, 0, 1, 3072),
        fc.oneof(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 10, max: 255 })),
        (records, rest, label) => {
          const bytes = new Uint8Array(records * 3073 + rest)
          if (records > 0) bytes[(records - 1) * 3073] = label
          if (rest > 0 || records === 0) {
            expect(() => readCifar10(bytes, 'x.bin')).toThrow(expect.objectContaining({ name: 'DataFileError', field: 'length' }))
          } else if (label > 9) {
            const field = `label of record ${records - 1}`
            expect(() => readCifar10(bytes, 'x.bin')).toThrow(
              expect.objectContaining({ name: 'DataFileError', field, actual: String(label) })
            )
          } else {
            const { rows, labels } = readCifar10(bytes, 'x.bin')
            expect([rows, labels!.at(-1)]).toEqual([records, label])
          }
        }
      ),
      { seed: 1 }
    )
  })

  it('are laid out as the network reads them, or are brought into its order with layout nhwc, or are refused', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'slytherin-layout-'))
    try {
      const [height, width, channels] = [32, 32, 3]
      const file = join(directory, 'images.npy')
      // the value says where it stands: sample, channel, row, column
      const value = (sample: number, channel: number, row: number, column: number): number =>
        sample * 100_000 + channel * 10_000 + row * 100 + column
      const stored = new Float32Array(2 * height * width * channels)
      let place = 0
      for (let sample = 0; sample < 2; sample++)
        for (let row = 0; row < height; row++)
          for (let column = 0; column < width; column++)
            for (let channel = 0; channel < channels; channel++) stored[place++] = value(sample, channel, row, column)
      await writeFile(file, npy('<f4', `2, ${height}, ${width}, ${channels}`, new Uint8Array(stored.buffer)))
      const plain = { npy: file, offset: 0, normalisation: { scale: 1, mean: 0, deviation: 1 } }
      await expect(loadSamples(plain, [3, 32, 32])).rejects.toMatchObject({
        name: 'DataFileError',
        field: 'shape of a sample',
        expected: '3×32×32',
        actual: '32×32×3',
        remedy: expect.stringContaining('layout: nhwc, or --layout nhwc')
      })
      const [first, second] = await loadSamples({ ...plain, layout: 'nhwc' }, [3, 32, 32])
      for (const [sample, values] of [first!, second!].entries()) {
        const expected = Array.from({ length: 3072 }, (_, k) => value(sample, Math.floor(k / 1024), Math.floor(k / 32) % 32, k % 32))
        expect(Array.from(values)).toEqual(expected)
      }
      // what is channels first already is refused as such a layout, and any other shape as it is
      await expect(loadSamples({ ...plain, layout: 'nhwc' }, [32, 32, 3])).rejects.toMatchObject({ field: 'shape of a sample' })
      const other = loadSamples(plain, [3, 16, 64])
      await expect(other).rejects.toMatchObject({ expected: '3×16×64', actual: '32×32×3' })
      // flat rows have no layout, and axes of one hold no order
      expect(await loadSamples(plain, [3072])).toHaveLength(2)
      expect(await loadSamples(plain, [32, 32, 1, 3])).toHaveLength(2)
    } finally {
      await rm(directory, { recursive: true })
    }
  })

  it('refuses values that are not finite', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'slytherin-samples-'))
    try {
      const file = join(directory, 'x.npy')
      await writeFile(file, npy('<f8', '1, 2', new Uint8Array(Float64Array.of(1, Number.POSITIVE_INFINITY).buffer)))
      const loading = loadSamples({ npy: file, offset: 0, normalisation: { scale: 1, mean: 0, deviation: 1 } })
      await expect(loading).rejects.toMatchObject({ field: 'sample 0, value 1', actual: 'none' })
    } finally {
      await rm(directory, { recursive: true })
    }
  })

  it('every numeric type of NumPy in both byte orders', () => {
    const values = [0, 1, 100]
    const write = (bytes: number, set: (view: DataView, offset: number, value: number) => void): Uint8Array => {
      const view = new DataView(new ArrayBuffer(bytes * values.length))
      for (const [i, value] of values.entries()) set(view, i * bytes, value)
      return new Uint8Array(view.buffer)
    }
    // 1 and 100 in binary16
    const halves = [0, 0x3c00, 0x5640]
    const types: [string, Uint8Array][] = [
      ['|i1', write(1, (view, at, value) => view.setInt8(at, value))],
      ['|u1', write(1, (view, at, value) => view.setUint8(at, value))]
    ]
    for (const little of [true, false]) {
      const order = little ? '<' : '>'
      types.push(
        [`${order}i2`, write(2, (view, at, value) => view.setInt16(at, value, little))],
        [`${order}u2`, write(2, (view, at, value) => view.setUint16(at, value, little))],
        [`${order}i4`, write(4, (view, at, value) => view.setInt32(at, value, little))],
        [`${order}u4`, write(4, (view, at, value) => view.setUint32(at, value, little))],
        [`${order}i8`, write(8, (view, at, value) => view.setBigInt64(at, BigInt(value), little))],
        [`${order}u8`, write(8, (view, at, value) => view.setBigUint64(at, BigInt(value), little))],
        [`${order}f2`, write(2, (view, at, value) => view.setUint16(at, halves[values.indexOf(value)]!, little))],
        [`${order}f4`, write(4, (view, at, value) => view.setFloat32(at, value, little))],
        [`${order}f8`, write(8, (view, at, value) => view.setFloat64(at, value, little))]
      )
    }
    for (const [type, data] of types) {
      const array = readNpy(npy(type, '3,', data), 'x.npy')
      expect(
        [0, 1, 2].map(row => array.value(row, 0)),
        type
      ).toEqual(values)
    }
    const booleans = readNpy(npy('|b1', '3,', Uint8Array.of(0, 1, 1)), 'x.npy')
    expect([0, 1, 2].map(row => booleans.value(row, 0))).toEqual([0, 1, 1])
    const small = readNpy(npy('<f2', '3,', Uint8Array.of(0x01, 0x00, 0x00, 0xc0, 0x00, 0x7c)), 'x.npy')
    expect([0, 1, 2].map(row => small.value(row, 0))).toEqual([2 ** -24, -2, Number.POSITIVE_INFINITY])
  })

  it('NumPy arrays in Fortran order: numpy.asfortranarray(numpy.arange(24).reshape(2, 3, 4))', () => {
    const bytes = inflateSync(
      Buffer.from(
        'eJyb7BfqGxDJyFDGUK2eklqcXKRupaBuk2mkrqOgnpZfVFKUmBefX5SSChIPKSpNBQoXZyQWpAK5GkY6CsY6CiaaOgq1CmQCLgYGHgYWBgEGDgYRBkYGXgZWBkEGTgZRBiYGPgY2BiEGLgYxBmYGfgZ2BmEGbgZxBgCNVRx2',
        'base64'
      )
    )
    const array = readNpy(bytes, 'x.npy')
    expect(array).toMatchObject({ rows: 2, columns: 12, sampleShape: [3, 4] })
    for (let row = 0; row < 2; row++) for (let column = 0; column < 12; column++) expect(array.value(row, column)).toBe(row * 12 + column)
  })

  it('NumPy archives, by the name of the array where there are several', () => {
    // numpy.savez_compressed(file, x=numpy.array([[1.5, 2], [3, 4]], '>f4'), y=numpy.array([7, 8], '<u8'))
    const bytes = Buffer.from(
      'UEsDBC0AAAAIAAAAIQDOV0d7//////////8FABQAeC5ucHkBABAAkAAAAAAAAABTAAAAAAAAAJvsF+obEMnIUMZQrZ6SWpxcpG6loG6XZqKuo6Cell9UUpSYF59flJIKEndLzClOBYoXZyQWpAL5GkY6CkaaOgq1CmQDLvsDDAwODEAMJBwaGBgAUEsDBC0AAAAIAAAAIQCBGFyB//////////8FABQAeS5ucHkBABAAkAAAAAAAAABKAAAAAAAAAJvsF+obEMnIUMZQrZ6SWpxcpG6loG5TaqGuo6Cell9UUpSYF59flJIKEndLzClOBYoXZyQWpAL5GkY6mjoKtQoUAC52BgjggNIAUEsBAi0DLQAAAAgAAAAhAM5XR3tTAAAAkAAAAAUAAAAAAAAAAAAAAIABAAAAAHgubnB5UEsBAi0DLQAAAAgAAAAhAIEYXIFKAAAAkAAAAAUAAAAAAAAAAAAAAIABigAAAHkubnB5UEsFBgAAAAACAAIAZgAAAAsBAAAAAA==',
      'base64'
    )
    const x = readNpz(bytes, 'a.npz', 'x')
    expect([x.value(0, 0), x.value(0, 1), x.value(1, 0), x.value(1, 1)]).toEqual([1.5, 2, 3, 4])
    const y = readNpz(bytes, 'a.npz', 'y')
    expect([y.rows, y.value(0, 0), y.value(1, 0)]).toEqual([2, 7, 8])
    expect(() => readNpz(bytes, 'a.npz')).toThrow(expect.objectContaining({ field: 'array', actual: 'x, y' }))
    expect(() => readNpz(bytes, 'a.npz', 'z')).toThrow(expect.objectContaining({ field: 'array' }))
    expect(() => readNpz(bytes.subarray(0, 100), 'a.npz')).toThrow(expect.objectContaining({ field: 'archive' }))
  })

  it('comma-separated values: heading, separator and columns', () => {
    const csv = (text: string, columns?: (string | number)[]): number[][] => {
      const array = readCsv(Buffer.from(text), 'x.csv', columns)
      return Array.from({ length: array.rows }, (_, row) => Array.from({ length: array.columns }, (_, column) => array.value(row, column)))
    }
    expect(csv('1,2.5\n3,-4e-1\n')).toEqual([
      [1, 2.5],
      [3, -0.4]
    ])
    expect(csv('\ufeffage;weight\r\n50;71.5\r\n61;80\r\n')).toEqual([
      [50, 71.5],
      [61, 80]
    ])
    expect(csv('name,age,"weight, kg"\nMary,50,71\nJohn,61,80', ['weight, kg', 'age'])).toEqual([
      [71, 50],
      [80, 61]
    ])
    expect(csv('5\n6')).toEqual([[5], [6]])
    expect(csv('1\t2\n3\t4', [1])).toEqual([[2], [4]])
    const broken: [string, () => unknown][] = [
      ['samples', () => csv('\n\n')],
      ['record 2', () => csv('1,2\n3\n')],
      ['record 3, age', () => csv('age\n1\nunknown\n')],
      ['record 2, name', () => csv('name,age\nMary,50')],
      ['columns', () => csv('name,age\nMary,50', ['height'])],
      ['columns', () => csv('1,2', [2])]
    ]
    for (const [field, read] of broken) expect(read, field).toThrow(expect.objectContaining({ name: 'DataFileError', field }))
  })

  it('never names a value of a sample in an error', () => {
    const secret = 'Mary-31337'
    for (const text of [`age\n1\n${secret}`, `1,2\n${secret},3`, `a,b\n"${secret}`]) {
      try {
        readCsv(Buffer.from(text), 'x.csv')
        expect.unreachable()
      } catch (error) {
        expect(String(error)).not.toContain('31337')
      }
    }
  })
})
