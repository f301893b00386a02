/** Requests and tensors: what is written is read again, and nothing that comes is taken for what it is not. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Problem } from '../src/http/problem.js'
import { samplesOf } from '../src/inference/model-signature.js'
import { parseInferenceRequest } from '../src/inference/request.js'
import { encodeInferenceResponse } from '../src/inference/response.js'
import { DATATYPES } from '../src/tensors/datatypes.js'
import { numbersOfBytes, numbersOfJson } from '../src/tensors/decode.js'
import { bytesOf } from '../src/tensors/encode.js'
import { MODEL } from './support/fake-backend.js'

const types = [...DATATYPES.values()]
const elementOf = (type: (typeof types)[number]): fc.Arbitrary<number> =>
  type.whole
    ? fc.integer({ min: Math.max(type.range[0], -(2 ** 53) + 1), max: Math.min(type.range[1], 2 ** 53 - 1) })
    : fc.double({ min: type.range[0], max: type.range[1], noNaN: true })

const tensor = fc.constantFrom(...types).chain(type =>
  fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 }).chain(shape =>
    fc.record({
      type: fc.constant(type),
      shape: fc.constant(shape),
      data: fc.array(elementOf(type), { minLength: shape.reduce((a, b) => a * b, 1), maxLength: shape.reduce((a, b) => a * b, 1) })
    })
  )
)

function nested(data: readonly number[], [size, ...rest]: readonly number[]): unknown {
  if (rest.length === 0) return data
  const part = data.length / size!
  return Array.from({ length: size! }, (_, k) => nested(data.slice(k * part, (k + 1) * part), rest))
}

describe('tensors', () => {
  it('are read as they were written, in binary and in JSON, flat and nested', () => {
    fc.assert(
      fc.property(tensor, ({ type, shape, data }) => {
        const bytes = bytesOf({ name: 'x', datatype: type.name, shape, data })
        const read = numbersOfBytes(bytes, shape, type, 'x')
        // What a type cannot hold is rounded once.
        expect([...numbersOfBytes(bytesOf({ name: 'x', datatype: type.name, shape, data: [...read] }), shape, type, 'x')]).toEqual([
          ...read
        ])
        if (type.whole || type.name === 'FP64') expect([...read].map(value => value + 0)).toEqual(data.map(value => value + 0))
        expect([...numbersOfJson(data, shape, type, 'x')]).toEqual(data)
        expect([...numbersOfJson(nested(data, shape), shape, type, 'x')]).toEqual(data)
      })
    )
  })

  it('round to bfloat16 as to the nearest, and to even', () => {
    const type = DATATYPES.get('BF16')!
    const through = (value: number): number =>
      numbersOfBytes(bytesOf({ name: 'x', datatype: 'BF16', shape: [1], data: [value] }), [1], type, 'x')[0]!
    expect([1, -2.5, 0, 256, 257, 259, 1 / 3].map(through)).toEqual([1, -2.5, 0, 256, 256, 260, 0.333984375])
  })

  it('hold text as length and bytes', () => {
    expect([...bytesOf({ name: 'x', datatype: 'BYTES', shape: [2], data: ['ä', ''] })]).toEqual([2, 0, 0, 0, 0xc3, 0xa4, 0, 0, 0, 0])
  })

  it.each([
    ['a number of another kind', [1, 2.5], 'INT8', [2]],
    ['a number out of range', [1, 128], 'INT8', [2]],
    ['text', [1, '2'], 'FP32', [2]],
    ['nothing', [1, null], 'FP32', [2]],
    ['a truth in numbers', [1, true], 'FP32', [2]],
    ['too few', [1], 'FP32', [2]],
    ['rows of other lengths', [[1, 2], [3]], 'FP32', [2, 2]],
    ['flat in nested', [[1, 2], 3], 'FP32', [2, 2]],
    ['nested too deep', [[[1], [2]]], 'FP32', [1, 2]],
    ['no array', 'data', 'FP32', [1]]
  ])('refuse %s, without its value', (_what, data, name, shape) => {
    const refused = (): unknown => numbersOfJson(data, shape, DATATYPES.get(name)!, 'x')
    expect(refused).toThrow(Problem)
    expect(refused).not.toThrow(/2\.5|128/)
  })
})

describe('an inference request', () => {
  const inputs = fc.array(
    tensor.map(({ type, shape, data }) => ({ type, shape, data, bytes: bytesOf({ name: 'x', datatype: type.name, shape, data }) })),
    { minLength: 1, maxLength: 3 }
  )
  const bodyOf = (given: readonly { type: { name: string }; shape: number[]; bytes: Buffer }[]): [Buffer, number] => {
    const described = given.map(({ type, shape, bytes }, k) => ({
      name: `input${k}`,
      shape,
      datatype: type.name,
      parameters: { binary_data_size: bytes.length }
    }))
    const json = Buffer.from(
      JSON.stringify({
        id: 'é',
        inputs: described,
        parameters: { binary_data_output: true },
        outputs: [{ name: 'y', parameters: { binary_data: false } }]
      })
    )
    return [Buffer.concat([json, ...given.map(({ bytes }) => bytes)]), json.length]
  }

  it('has its binary data behind its JSON', () => {
    fc.assert(
      fc.property(inputs, given => {
        const [body, length] = bodyOf(given)
        const request = parseInferenceRequest(body, `${length}`)
        expect(request).toMatchObject({ id: 'é', binary: true, outputs: [{ name: 'y', binary: false }] })
        request.inputs.forEach(({ bytes, shape, datatype }, k) => {
          expect(Buffer.from(bytes!).equals(given[k]!.bytes)).toBe(true)
          expect([shape, datatype]).toEqual([given[k]!.shape, given[k]!.type.name])
        })
      })
    )
  })

  it('that is cut, changed or of random bytes is read or refused, never anything else', () => {
    const change = fc.record({
      at: fc.nat(),
      byte: fc.integer({ min: 0, max: 255 }),
      cut: fc.nat(),
      header: fc.integer({ min: -2, max: 600 })
    })
    fc.assert(
      fc.property(inputs, change, fc.uint8Array({ maxLength: 64 }), (given, { at, byte, cut, header }, random) => {
        const [body, length] = bodyOf(given)
        body[at % body.length] = byte
        const attempts: [Uint8Array, string | undefined][] = [
          [body, `${length}`],
          [body.subarray(0, cut % body.length), `${length}`],
          [body, `${header}`],
          [random, undefined],
          [random, `${random.length >> 1}`]
        ]
        for (const [bytes, told] of attempts) {
          try {
            const { inputs: read } = parseInferenceRequest(bytes, told)
            samplesOf(read, MODEL)
          } catch (error) {
            expect(error).toBeInstanceOf(Problem)
            expect((error as Problem).status).toBe(400)
          }
        }
      })
    )
  })

  it.each([
    ['more elements than bytes', { inputs: [{ name: 'input', shape: [2 ** 30, 2, 3], datatype: 'FP32', data: [[]] }] }, 'bytes'],
    [
      'shared memory',
      { inputs: [{ name: 'input', shape: [1], datatype: 'FP32', parameters: { shared_memory_region: 'r' } }] },
      'shared memory'
    ],
    ['data twice', { inputs: [{ name: 'input', shape: [0], datatype: 'FP32', data: [], parameters: { binary_data_size: 0 } }] }, 'either'],
    [
      'a size that is no number',
      { inputs: [{ name: 'input', shape: [1], datatype: 'FP32', parameters: { binary_data_size: '4' } }] },
      'size'
    ],
    ['no inputs', { inputs: [] }, 'inputs']
  ])('is refused with %s', (_what, body, expected) => {
    expect(() => parseInferenceRequest(Buffer.from(JSON.stringify(body)), undefined)).toThrow(expected)
  })

  it('is answered with the same in JSON and in binary', () => {
    const outputs = [
      { name: 'y', datatype: 'FP64', shape: [2], data: [1.5, -2] },
      { name: 'z', datatype: 'BYTES', shape: [2], data: ['cat', 'dog'] }
    ]
    const head = { id: undefined, model: 'm', version: '1' }
    const { body, headerLength } = encodeInferenceResponse(
      head,
      outputs.map((output, k) => ({ tensor: output, binary: k === 0 }))
    )
    expect(JSON.parse(body.subarray(0, headerLength).toString())).toEqual({
      model_name: 'm',
      model_version: '1',
      outputs: [{ name: 'y', datatype: 'FP64', shape: [2], parameters: { binary_data_size: 16 } }, outputs[1]]
    })
    expect([...new Float64Array(new Uint8Array(body.subarray(headerLength)).buffer)]).toEqual([1.5, -2])
    const plain = encodeInferenceResponse(
      head,
      outputs.map(output => ({ tensor: output, binary: false }))
    )
    expect(plain.headerLength).toBeUndefined()
    expect(JSON.parse(plain.body.toString()).outputs).toEqual(outputs)
  })
})
