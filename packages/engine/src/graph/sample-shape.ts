/** Whether samples are laid out as a network reads them. */

/** Axes of size one hold no order. */
const significant = (shape: readonly number[]): readonly number[] => shape.filter(size => size !== 1)

/**
 * A flat row has no layout of its own, and a network that reads flat rows has none either; otherwise the axes must be the same, but for those of size one.
 * @param shape of one sample as it is stored
 * @param expected of one sample as the network reads it
 */
export function fitsShape(shape: readonly number[], expected: readonly number[]): boolean {
  const [own, wanted] = [significant(shape), significant(expected)]
  const size = (axes: readonly number[]): number => axes.reduce((product, axis) => product * axis, 1)
  if (size(own) !== size(wanted)) return false
  if (own.length <= 1 || wanted.length <= 1) return true
  return own.length === wanted.length && own.every((axis, k) => axis === wanted[k])
}
