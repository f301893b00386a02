/**
 * Resize and Upsample by factors that the file names: every output element is a weighted sum of input elements, axis after axis.
 *
 * The nearest element is taken as it is; linear and cubic interpolation are a matrix along each axis (ONNX Resize, versions 10 to 19).
 */
import { ShapeMismatchError, UnsupportedAttributeError } from '../../errors.js'
import { floatAttribute, integerAttribute } from '../attributes.js'
import { BATCH } from '../constants.js'
import { hasInput, type ImportContext, type Operator } from '../context.js'
import type { OnnxNode } from '../decode.js'
import { along } from './along.js'
import { taken } from './take.js'

/** One axis: its lengths, and how many output elements stand for one input element. */
interface Axis {
  readonly length: number
  readonly output: number
  readonly scale: number
}

export const resize: Operator = (context, node) => {
  const input = context.value(node, 0)
  const shape = context.shape(input)
  const axes = axesOf(context, node, shape)
  const mode = node.attributes.get('mode')?.text ?? 'nearest'
  // Upsample, and Resize of opset 10, count from the corner
  const corner = node.operator === 'Upsample' || context.opset < 11
  const transformation = corner ? 'asymmetric' : (node.attributes.get('coordinate_transformation_mode')?.text ?? 'half_pixel')
  const refuse = (name: string, value: string, remedy: string): never => {
    throw new UnsupportedAttributeError(node.name, node.operator, name, value, remedy)
  }
  let value = input
  axes.forEach((axis, position) => {
    if (axis.length === axis.output && axis.scale === 1) return
    if (integerAttribute(node, 'antialias', 0) === 1 && axis.scale < 1) refuse('antialias', '1', 'resize without it, or pool by averages')
    const coordinates = Array.from({ length: axis.output }, (_, output) => coordinate(transformation, output, axis))
    if (coordinates.some(Number.isNaN))
      refuse('coordinate_transformation_mode', transformation, "use 'half_pixel', 'pytorch_half_pixel', 'align_corners' or 'asymmetric'")
    if (mode === 'nearest') {
      const rounding = corner ? 'floor' : (node.attributes.get('nearest_mode')?.text ?? 'round_prefer_floor')
      value = taken(
        context,
        node,
        value,
        position,
        coordinates.map(at => clamp(rounded(rounding, at), axis.length))
      )
    } else if (mode === 'linear' || mode === 'cubic') {
      const cubic = floatAttribute(node, 'cubic_coeff_a', -0.75)
      const outside = integerAttribute(node, 'exclude_outside', 0) === 1
      const weight = new Float64Array(axis.output * axis.length)
      coordinates.forEach((at, output) => {
        for (const [index, share] of mode === 'linear' ? linear(at, axis.length) : cubics(at, cubic, outside, axis.length))
          weight[output * axis.length + clamp(index, axis.length)]! += share
      })
      value = along(context, node, value, position, { inputs: axis.length, outputs: axis.output, weight })
    } else refuse('mode', mode, "use 'nearest', 'linear' or 'cubic'")
  })
  context.alias(node, value)
}

/** Lengths by the sizes or the factors that the node names, as an attribute, or as an input. */
function axesOf(context: ImportContext, node: OnnxNode, shape: readonly number[]): Axis[] {
  const named = node.attributes.get('axes')?.integers?.map(axis => (axis < 0 ? axis + shape.length + 1 : axis))
  const full = [BATCH, ...shape]
  const list = (values: ArrayLike<number> | undefined): readonly (number | undefined)[] | undefined => {
    if (!values || values.length === 0) return undefined
    const given = Array.from(values)
    if (given.length !== (named ?? full).length)
      throw new ShapeMismatchError(node.name, `sizes or scales of ${(named ?? full).length} axes`, String(given.length))
    return full.map((_, axis) => (named ? given[named.indexOf(axis)] : given[axis]))
  }
  const input = (position: number) => (hasInput(node, position) ? context.shapeConstant(node, position).values : undefined)
  const old = node.operator === 'Upsample' || context.opset < 11
  const scales = list(node.attributes.get('scales')?.floats ?? input(old ? 1 : 2))
  const sizes = old ? undefined : list(input(3))
  if (!scales && !sizes) throw new ShapeMismatchError(node.name, 'constant sizes or scales', 'neither')
  const policy = node.attributes.get('keep_aspect_ratio_policy')?.text ?? 'stretch'
  if (sizes && policy !== 'stretch')
    throw new UnsupportedAttributeError(node.name, node.operator, 'keep_aspect_ratio_policy', policy, "use 'stretch'")
  const batch = sizes ? sizes[0] : scales![0]
  // a batch of one in the file stands for every sample
  if (!(batch === undefined || batch === 1 || batch === BATCH))
    throw new ShapeMismatchError(node.name, 'a batch that stays what it is', String(batch))
  return shape.map((length, axis) => {
    const size = sizes?.[axis + 1]
    if (sizes) return { length, output: positive(node, size ?? length), scale: (size ?? length) / length }
    const scale = scales![axis + 1] ?? 1
    return { length, output: positive(node, Math.floor(length * scale)), scale }
  })
}

function positive(node: OnnxNode, size: number): number {
  if (!Number.isInteger(size) || size < 1) throw new ShapeMismatchError(node.name, 'sizes of at least 1', String(size))
  return size
}

/** Where an output element lies among the input's. */
function coordinate(transformation: string, output: number, { length, output: outputs, scale }: Axis): number {
  switch (transformation) {
    case 'half_pixel':
      return (output + 0.5) / scale - 0.5
    case 'pytorch_half_pixel':
      return outputs > 1 ? (output + 0.5) / scale - 0.5 : 0
    case 'half_pixel_symmetric': {
      const adjustment = outputs / (scale * length)
      return (length / 2) * (1 - adjustment) + (output + 0.5) / scale - 0.5
    }
    case 'align_corners':
      return outputs > 1 ? (output * (length - 1)) / (outputs - 1) : 0
    case 'asymmetric':
      return output / scale
    default:
      return Number.NaN
  }
}

const clamp = (index: number, length: number): number => Math.max(0, Math.min(length - 1, index))

function rounded(mode: string, at: number): number {
  if (mode === 'floor') return Math.floor(at)
  if (mode === 'ceil') return Math.ceil(at)
  return mode === 'round_prefer_ceil' ? Math.floor(at + 0.5) : Math.ceil(at - 0.5)
}

/** The two neighbours. */
function linear(at: number, length: number): readonly (readonly [number, number])[] {
  const inside = Math.max(0, Math.min(length - 1, at))
  const index = Math.floor(inside)
  return [
    [index, 1 - (inside - index)],
    [index + 1, inside - index]
  ]
}

/** The four neighbours, by the cubic convolution of Keys. @param a its parameter @param exclude neighbours outside instead of the edge in their place */
function cubics(at: number, a: number, exclude: boolean, length: number): readonly (readonly [number, number])[] {
  const index = Math.floor(at)
  const t = at - index
  const near = (x: number): number => ((a + 2) * x - (a + 3)) * x * x + 1
  const far = (x: number): number => ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
  const all = [
    [index - 1, far(t + 1)],
    [index, near(t)],
    [index + 1, near(1 - t)],
    [index + 2, far(2 - t)]
  ] as const
  if (!exclude) return all
  const inside = all.filter(([position]) => position >= 0 && position < length)
  const total = inside.reduce((sum, [, share]) => sum + share, 0)
  return inside.map(([position, share]) => [position, share / total] as const)
}
