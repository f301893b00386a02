/** What the figures were measured on. */
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os'

export function describeMachine() {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    platform: `${process.platform} ${process.arch}`,
    loadAverage: Number(loadavg()[0].toFixed(2)),
    date: new Date().toISOString().slice(0, 10)
  }
}

/** @param {string} variant of the ring kernel */
export function describeVersions(variant) {
  return {
    slytherin: versionOf('../package.json'),
    node: process.versions.node,
    v8: process.versions.v8,
    'node-seal': versionOf('../node_modules/node-seal/package.json'),
    kernel: variant
  }
}

/** @param {string} path */
function versionOf(path) {
  return JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')).version
}
