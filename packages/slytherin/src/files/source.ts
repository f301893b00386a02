/** A model and the files beside it that hold its weights. */
import type { ExternalData } from '@slytherin/engine'

export interface ModelBytes {
  readonly onnx: Uint8Array
  readonly externalData: ExternalData
}

/** Reads a model by its path or address, and what it refers to beside it. */
export type ReadModel = (source: string | URL) => Promise<ModelBytes>
