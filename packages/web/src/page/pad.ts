/** The drawing area: by pointer, by keyboard, from images; and the 28 × 28 that it becomes. */
import { asDigit, SIDE } from './digit.js'
import { element, on, say } from './elements.js'

/** Of the pen, and of one step of the keyboard, in pixels of the area. */
const PEN = 22
const STEP = 14
const MOVES: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1]
}

export class Pad {
  /** What is asked about; undefined while there is nothing. */
  digit: Uint8Array | undefined
  readonly #canvas = element('ink', HTMLCanvasElement)
  readonly #ink = this.#canvas.getContext('2d', { willReadFrequently: true })!
  readonly #onChange: () => void
  /** Of the keyboard. */
  #cursor = { x: this.#canvas.width / 2, y: this.#canvas.height / 2 }
  #down = false

  constructor(onChange: () => void) {
    this.#onChange = onChange
    this.#ink.lineWidth = PEN
    this.#ink.lineCap = 'round'
    this.#ink.lineJoin = 'round'
    this.#ink.strokeStyle = '#fff'
    this.#byPointer()
    const area = element('pad', HTMLElement)
    // Where there is no script there is nothing to reach by keyboard.
    area.tabIndex = 0
    area.addEventListener('keydown', event => this.#byKey(event))
    on('wipe', 'click', () => this.wipe())
    on('image-file', 'change', event => {
      const [file] = (event.target as HTMLInputElement).files ?? []
      if (file !== undefined) void this.#take(file)
    })
    document.addEventListener('paste', event => {
      const file = [...(event.clipboardData?.files ?? [])].find(({ type }) => type.startsWith('image/'))
      if (file !== undefined) void this.#take(file)
    })
    this.#canvas.addEventListener('dragover', event => event.preventDefault())
    this.#canvas.addEventListener('drop', event => {
      event.preventDefault()
      const [file] = event.dataTransfer?.files ?? []
      if (file !== undefined) void this.#take(file)
    })
  }

  wipe(): void {
    this.#ink.clearRect(0, 0, this.#canvas.width, this.#canvas.height)
    this.#seen(undefined, 'nothing yet')
    say('pad-state', 'Wiped.')
  }

  /** An image that is one of MNIST's already. */
  sample(pixels: Uint8Array, label: string): void {
    this.#ink.clearRect(0, 0, this.#canvas.width, this.#canvas.height)
    this.#ink.imageSmoothingEnabled = false
    this.#ink.drawImage(pictureOf(pixels), 0, 0, this.#canvas.width, this.#canvas.height)
    this.#seen(pixels, `a sample of ${label}`)
    say('pad-state', `A sample of ${label} is taken.`)
  }

  #byPointer(): void {
    const at = (event: PointerEvent): [number, number] => {
      const { left, top, width } = this.#canvas.getBoundingClientRect()
      const scale = this.#canvas.width / width
      return [(event.clientX - left) * scale, (event.clientY - top) * scale]
    }
    let drawing = false
    this.#canvas.addEventListener('pointerdown', event => {
      drawing = true
      this.#canvas.setPointerCapture(event.pointerId)
      this.#line(...at(event), ...at(event))
      this.#cursor = { x: at(event)[0], y: at(event)[1] }
    })
    this.#canvas.addEventListener('pointermove', event => {
      if (!drawing) return
      for (const part of event.getCoalescedEvents?.() ?? [event]) this.#line(this.#cursor.x, this.#cursor.y, ...this.#move(...at(part)))
    })
    for (const kind of ['pointerup', 'pointercancel'] as const) {
      this.#canvas.addEventListener(kind, () => {
        if (drawing) this.#drawn()
        drawing = false
      })
    }
  }

  #byKey(event: KeyboardEvent): void {
    const move = MOVES[event.key]
    if (move !== undefined) {
      const { x, y } = this.#cursor
      const bound = (value: number): number => Math.max(PEN, Math.min(this.#canvas.width - PEN, value))
      this.#move(bound(x + move[0] * STEP), bound(y + move[1] * STEP))
      if (this.#down) {
        this.#line(x, y, this.#cursor.x, this.#cursor.y)
        this.#drawn()
      }
    } else if (event.key === ' ') {
      this.#down = !this.#down
      if (this.#down) {
        this.#line(this.#cursor.x, this.#cursor.y, this.#cursor.x, this.#cursor.y)
        this.#drawn()
      }
    } else if (event.key === 'Delete' || event.key === 'Backspace') this.wipe()
    else return
    event.preventDefault()
    const percent = (value: number): number => Math.round((100 * value) / this.#canvas.width)
    if (event.key !== 'Delete' && event.key !== 'Backspace')
      say(
        'pad-state',
        `Pen ${this.#down ? 'down' : 'up'}, ${percent(this.#cursor.x)} % from the left, ${percent(this.#cursor.y)} % from the top.`
      )
  }

  #move(x: number, y: number): [number, number] {
    this.#cursor = { x, y }
    return [x, y]
  }

  #line(fromX: number, fromY: number, toX: number, toY: number): void {
    this.#ink.beginPath()
    this.#ink.moveTo(fromX, fromY)
    this.#ink.lineTo(toX, toY)
    this.#ink.stroke()
  }

  async #take(file: File): Promise<void> {
    try {
      const image = await createImageBitmap(file)
      const { width, height } = this.#canvas
      const scale = Math.min(width / image.width, height / image.height)
      this.#ink.clearRect(0, 0, width, height)
      const [w, h] = [image.width * scale, image.height * scale]
      this.#ink.drawImage(image, (width - w) / 2, (height - h) / 2, w, h)
      this.#fromPaper()
      this.#drawn()
      say('pad-state', `${file.name || 'An image'} is taken.`)
    } catch {
      say('pad-state', `${file.name || 'This'} is no image that this browser reads.`)
    }
  }

  /** Dark strokes on light paper become light ones on dark. */
  #fromPaper(): void {
    const { width, height } = this.#canvas
    const image = this.#ink.getImageData(0, 0, width, height)
    const light = brightness(image.data)
    const seen = light.filter((_, k) => image.data[4 * k + 3]! > 0)
    const mean = seen.reduce((sum, value) => sum + value, 0) / Math.max(1, seen.length)
    for (let k = 0; k < light.length; k++) {
      const value = mean > 127 && image.data[4 * k + 3]! > 0 ? 255 - light[k]! : light[k]!
      image.data.set([255, 255, 255, value < 64 ? 0 : value], 4 * k)
    }
    this.#ink.putImageData(image, 0, 0)
  }

  #drawn(): void {
    const { width, height } = this.#canvas
    const { data } = this.#ink.getImageData(0, 0, width, height)
    this.#seen(asDigit({ width, height, pixels: brightness(data) }), 'your drawing')
  }

  #seen(digit: Uint8Array | undefined, what: string): void {
    this.digit = digit?.some(value => value > 0) === true ? digit : undefined
    const canvas = element('seen', HTMLCanvasElement)
    canvas.getContext('2d')!.putImageData(imageOf(digit ?? new Uint8Array(SIDE * SIDE)), 0, 0)
    canvas.setAttribute('aria-label', `What is asked about: ${what}`)
    this.#onChange()
  }
}

/** Of every pixel, what is transparent counted as dark. */
function brightness(data: Uint8ClampedArray): Uint8Array {
  return Uint8Array.from({ length: data.length / 4 }, (_, k) => {
    const [red, green, blue, alpha] = data.subarray(4 * k, 4 * k + 4)
    return Math.round(((0.299 * red! + 0.587 * green! + 0.114 * blue!) * alpha!) / 255)
  })
}

function imageOf(digit: Uint8Array): ImageData {
  const image = new ImageData(SIDE, SIDE)
  for (const [k, value] of digit.entries()) image.data.set([value, value, value, 255], 4 * k)
  return image
}

/** A canvas with a digit on it. */
export function pictureOf(digit: Uint8Array): HTMLCanvasElement {
  const canvas = document.createElement('canvas')
  canvas.width = SIDE
  canvas.height = SIDE
  canvas.getContext('2d')!.putImageData(imageOf(digit), 0, 0)
  return canvas
}
