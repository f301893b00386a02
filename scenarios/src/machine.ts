/** What a measurement ran on: without it a figure means nothing. */
import { cpus, release, totalmem, type } from 'node:os'

export interface Machine {
  processor: string
  cores: number
  memoryBytes: number
  system: string
  node: string
  v8: string
}

export function describeMachine(): Machine {
  const processors = cpus()
  return {
    processor: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memoryBytes: totalmem(),
    system: `${type()} ${release()}`,
    node: process.version,
    v8: process.versions.v8
  }
}
