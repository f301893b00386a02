/** The nodes that lead to a value, each after those it reads: files may hold them in any order. */
import { MalformedModelError } from '../errors.js'
import type { Producers } from './constants.js'
import type { OnnxNode } from './decode.js'

/**
 * @param nodes all nodes of the file, in whose order those come that do not depend on each other
 * @returns the nodes that lead to the output, nodes with constant outputs among them
 * @throws MalformedModelError when nodes read each other in a circle
 */
export function inOrder(nodes: readonly OnnxNode[], producers: Producers, outputs: readonly string[]): OnnxNode[] {
  const needed = leadingTo(producers, outputs)
  const order: OnnxNode[] = []
  const done = new Set<OnnxNode>()
  const open = new Set<OnnxNode>()
  for (const start of nodes) {
    if (!needed.has(start)) continue
    const path = [start]
    while (path.length > 0) {
      const node = path.at(-1)!
      if (done.has(node)) {
        path.pop()
        continue
      }
      const before = node.inputs.map(name => producers.get(name)).filter(source => source !== undefined && !done.has(source)) as OnnxNode[]
      if (before.length === 0) {
        path.pop()
        open.delete(node)
        done.add(node)
        order.push(node)
        continue
      }
      open.add(node)
      const circle = before.find(source => open.has(source))
      if (circle) throw new MalformedModelError(`nodes '${node.name}' and '${circle.name}' read each other in a circle`)
      path.push(...before)
    }
  }
  return order
}

/** All nodes on which the outputs depend. */
export function leadingTo(producers: Producers, outputs: readonly string[]): Set<OnnxNode> {
  const found = new Set<OnnxNode>()
  const pending = [...outputs]
  while (pending.length > 0) {
    const node = producers.get(pending.pop()!)
    if (!node || found.has(node)) continue
    found.add(node)
    pending.push(...node.inputs.filter(name => name !== ''))
  }
  return found
}
