/** A folder of PNG images: those of a class in a folder of its name, or all of them without classes. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { SampleArray } from './array.js'
import { DataFileError } from './errors.js'
import { LARGEST_DATA_BYTES } from './gzip.js'
import { greyOf, type Picture, readPng } from './png.js'

/** Files that are read at a time. */
const AT_ONCE = 16

interface ImageFile {
  readonly path: string
  readonly label?: string
}

/**
 * Images in the order of their names, a class at a time in turn: the first samples are of all classes, as are the last.
 * @returns samples of channels × rows × columns, values from 0 to 255; `reshaped` makes colours grey, and grey three equal channels
 * @throws DataFileError for a folder without images, for one that is no PNG image, or is not of the size of the others
 */
export async function readPngFolder(folder: string): Promise<SampleArray> {
  const { files, classes } = await imagesOf(folder)
  const pictures: Picture[] = new Array(files.length)
  let bytes = 0
  let next = 0
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let k = next++; k < files.length; k = next++) {
        const { path } = files[k]!
        const picture = readPng(await readFile(path), path)
        bytes += picture.values.byteLength
        if (bytes > LARGEST_DATA_BYTES) {
          const remedy = 'Ask about fewer at a time: split the folder.'
          throw new DataFileError(folder, 'images', `at most ${LARGEST_DATA_BYTES} bytes of pixels`, 'more', { remedy })
        }
        pictures[k] = picture
      }
    })
  )
  const [first] = pictures
  for (const [k, { width, height }] of pictures.entries()) {
    if (width === first!.width && height === first!.height) continue
    const expected = `${first!.width}×${first!.height}, as ${files[0]!.path}`
    throw new DataFileError(files[k]!.path, 'size', expected, `${width}×${height}`, { remedy: 'Bring all images to one size.' })
  }
  const labels = classes === undefined ? {} : { labels: files.map(({ label }) => label!), classes }
  return arrayOf(pictures, pictures.some(({ channels }) => channels === 3) ? 3 : 1, labels)
}

function arrayOf(pictures: readonly Picture[], channels: 1 | 3, labels: Pick<SampleArray, 'labels' | 'classes'>): SampleArray {
  const { width, height } = pictures[0]!
  const area = width * height
  const grey = new Map<Picture, Float32Array>()
  const value = (row: number, column: number): number => {
    const picture = pictures[row]!
    if (picture.channels === channels) return picture.values[column]!
    if (channels === 3) return picture.values[column % area]!
    const known = grey.get(picture) ?? greyOf(picture)
    grey.set(picture, known)
    return known[column]!
  }
  return {
    rows: pictures.length,
    columns: channels * area,
    sampleShape: [channels, height, width],
    value,
    ...labels,
    reshaped: shape => {
      const wanted = shape.reduce((product, size) => product * size, 1) / area
      return wanted === 1 || wanted === 3 ? arrayOf(pictures, wanted, labels) : undefined
    }
  }
}

async function imagesOf(folder: string): Promise<{ files: ImageFile[]; classes?: string[] }> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    throw new DataFileError(folder, 'folder', 'a readable folder of PNG images', error.code ?? error.message, { cause: error })
  })
  const visible = entries.filter(({ name }) => !name.startsWith('.'))
  const classes = visible
    .filter(entry => entry.isDirectory())
    .map(({ name }) => name)
    .sort()
  const loose = pngNames(visible.filter(entry => !entry.isDirectory()).map(({ name }) => name))
  if (classes.length > 0 && loose.length > 0) {
    throw new DataFileError(folder, 'images', 'a folder for each class, or images alone', 'both', {
      remedy: 'Move the images into folders.'
    })
  }
  if (classes.length === 0) {
    if (loose.length === 0) {
      throw new DataFileError(folder, 'images', 'PNG files, or a folder of them for each class', 'none', {
        remedy: 'Convert other images to PNG.'
      })
    }
    return { files: loose.map(name => ({ path: join(folder, name) })) }
  }
  const byClass = await Promise.all(
    classes.map(async label => {
      const names = pngNames(await readdir(join(folder, label)))
      if (names.length === 0) throw new DataFileError(join(folder, label), 'images', 'one PNG file or more', 'none')
      return names.map((name): ImageFile => ({ path: join(folder, label, name), label }))
    })
  )
  const longest = Math.max(...byClass.map(({ length }) => length))
  const files = Array.from({ length: longest }, (_, k) => byClass.flatMap(images => images[k] ?? [])).flat()
  return { files, classes }
}

const pngNames = (names: readonly string[]): string[] => names.filter(name => /^[^.].*\.png$/i.test(name)).sort()
