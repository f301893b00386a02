/** Entry point of a thread, a worker of Node or of a browser. */

import { runThread, type ThreadData } from './thread.js'

if (typeof process !== 'undefined' && process.versions?.node) {
  const { parentPort, workerData } = await import('node:worker_threads')
  runThread(workerData as ThreadData, () => parentPort!.postMessage('ready'))
} else {
  addEventListener('message', (event: MessageEvent<ThreadData>) => runThread(event.data, () => postMessage('ready')), { once: true })
}
