/**
 * A drawing as MNIST has its digits (LeCun, Cortes, Burges: the images were scaled into a box of 20 × 20 with their proportions kept, by anti-aliasing, and put into
 * 28 × 28 with the centre of mass of their pixels in the middle).
 */

export const SIDE = 28
const BOX = 20

/** Brightness, row by row; 0 is the ground. */
export interface Picture {
  readonly width: number
  readonly height: number
  readonly pixels: ArrayLike<number>
}

/** @returns 784 bytes, row by row; all zero for an empty picture */
export function asDigit({ width, height, pixels }: Picture): Uint8Array {
  const digit = new Uint8Array(SIDE * SIDE)
  const frame = frameOf({ width, height, pixels })
  if (frame === undefined) return digit
  const { left, top, right, bottom } = frame
  const scale = BOX / Math.max(right - left, bottom - top)
  const [w, h] = [Math.max(1, Math.round((right - left) * scale)), Math.max(1, Math.round((bottom - top) * scale))]
  const small = Float64Array.from({ length: w * h }, (_, k) =>
    meanOver(
      { width, height, pixels },
      left + ((k % w) * (right - left)) / w,
      top + (Math.floor(k / w) * (bottom - top)) / h,
      (right - left) / w,
      (bottom - top) / h
    )
  )
  const mass = small.reduce((sum, value) => sum + value, 0)
  const centre = (coordinate: (k: number) => number): number =>
    small.reduce((sum, value, k) => sum + value * (coordinate(k) + 0.5), 0) / mass
  const dx = Math.round(SIDE / 2 - centre(k => k % w))
  const dy = Math.round(SIDE / 2 - centre(k => Math.floor(k / w)))
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      const [column, row] = [x + dx, y + dy]
      if (column < 0 || row < 0 || column >= SIDE || row >= SIDE) continue
      digit[row * SIDE + column] = Math.round(small[y * w + x]!)
    }
  }
  return digit
}

/** The smallest rectangle with everything in it that is not ground. */
function frameOf({ width, height, pixels }: Picture): { left: number; top: number; right: number; bottom: number } | undefined {
  let [left, top, right, bottom] = [width, height, 0, 0]
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (pixels[y * width + x]! === 0) continue
      left = Math.min(left, x)
      right = Math.max(right, x + 1)
      top = Math.min(top, y)
      bottom = Math.max(bottom, y + 1)
    }
  }
  return right > left ? { left, top, right, bottom } : undefined
}

/** Mean brightness of a rectangle, parts of pixels counted by their area. */
function meanOver({ width, height, pixels }: Picture, left: number, top: number, w: number, h: number): number {
  let sum = 0
  for (let y = Math.floor(top); y < Math.min(height, top + h); y++) {
    const rows = Math.min(y + 1, top + h) - Math.max(y, top)
    for (let x = Math.floor(left); x < Math.min(width, left + w); x++) {
      const columns = Math.min(x + 1, left + w) - Math.max(x, left)
      sum += pixels[y * width + x]! * rows * columns
    }
  }
  return sum / (w * h)
}
