/** Pictures of samples as text: two rows of pixels to a line. */

/** Pixels to each side of a picture, at most. */
const SIDE = 14
/** Of the largest value: from here on a pixel is lit. */
const LIT = 0.35

/**
 * Pictures side by side, a label under each.
 * @param shape channels, rows, columns of a sample
 * @returns lines; none where samples are no pictures of one channel
 */
export function picturesAsText(shape: readonly number[], samples: readonly Float64Array[], labels: readonly string[]): string[] {
  const [columns = 0, rows = 0, channels = 1, ...more] = [...shape].reverse()
  if (columns < 2 || rows < 2 || channels !== 1 || more.length > 0) return []
  const pooled = samples.map(sample => pool(sample, rows, columns))
  const lines: string[] = []
  for (let row = 0; row < SIDE; row += 2) {
    lines.push(
      pooled.map(pixels => Array.from({ length: SIDE }, (_, k) => cell(pixels[row]![k]!, pixels[row + 1]![k]!)).join('')).join(' ')
    )
  }
  lines.push(labels.map(label => label.padStart((SIDE + label.length) >> 1).padEnd(SIDE)).join(' '))
  return lines.map(line => line.trimEnd())
}

const cell = (upper: boolean, lower: boolean): string => (upper ? (lower ? '█' : '▀') : lower ? '▄' : ' ')

/** Whether the largest of the pixels that fall together is lit. */
function pool(sample: Float64Array, rows: number, columns: number): boolean[][] {
  const lowest = Math.min(...sample)
  const highest = Math.max(...sample)
  const threshold = lowest + LIT * (highest - lowest)
  return Array.from({ length: SIDE }, (_, y) =>
    Array.from({ length: SIDE }, (_, x) => {
      const [top, bottom] = [Math.floor((y * rows) / SIDE), Math.ceil(((y + 1) * rows) / SIDE)]
      const [left, right] = [Math.floor((x * columns) / SIDE), Math.ceil(((x + 1) * columns) / SIDE)]
      let sum = 0
      for (let row = top; row < bottom; row++) for (let column = left; column < right; column++) sum += sample[row * columns + column]!
      return sum / ((bottom - top) * (right - left)) > threshold
    })
  )
}
