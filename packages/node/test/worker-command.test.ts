/** `slytherin worker`, before it reaches a queue. */
import { expect, test, vi } from 'vitest'
import { countBuffersWithHeap } from '../src/cli/external-memory.js'
import { workerCommand } from '../src/cli/worker.js'

vi.mock('../src/cli/external-memory.js', () => ({ countBuffersWithHeap: vi.fn() }))

test('has buffers collected with the heap, before there is much to collect: inputs and results are megabytes', async () => {
  const streams = { out: () => undefined, err: () => undefined }
  const command = workerCommand(streams as unknown as Parameters<typeof workerCommand>[0])
  await expect(command.parseAsync(['node', 'worker', '--config', '/nowhere/worker.yaml'])).rejects.toThrow('/nowhere/worker.yaml')
  expect(countBuffersWithHeap).toHaveBeenCalledOnce()
})
