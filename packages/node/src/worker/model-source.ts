/** A model file as its owner's cryptography reads it: calibrated, its activations approximated so that what it is wished for can be planned. */
import { basename } from 'node:path'
import { type Calibration, inputShape, type NetworkGraph } from '@slytherin/engine'
import type { ModelSource } from '@slytherin/protocol'
import { approximationOptions, manifestTask, openCalibration } from '../data/calibration.js'
import { readModelFile } from '../data/model-file.js'
import { obstacleOf } from '../data/obstacle.js'
import type { ModelOptions } from './cryptography-module.js'

/** @throws DataFileError when it cannot be read; the engine's errors when it is not ONNX */
export async function modelSource({ path, calibration: source, approximation, wishes, ...choice }: ModelOptions): Promise<ModelSource> {
  const task = choice.task ?? (source.manifest === undefined ? undefined : await manifestTask(source.manifest, path))
  const { onnx, options } = await readModelFile(path, { ...choice, task })
  const opened = Promise.withResolvers<Calibration>()
  const calibrated = async (graph: NetworkGraph): Promise<Calibration> => {
    opened.resolve(await openCalibration(path, source, inputShape(graph), graph.inputs))
    return await opened.promise
  }
  return {
    name: basename(path, '.onnx'),
    onnx,
    options,
    network: async graph => {
      const calibration = await calibrated(graph)
      return calibration.approximate(graph, {
        ...approximationOptions(approximation),
        ...(wishes === undefined ? {} : { obstacle: obstacleOf(calibration, wishes) })
      }).network
    },
    ranges: async network => (await opened.promise).ranges(network)
  }
}
