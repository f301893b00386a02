/** Entry point of a thread in Node. */
import { parentPort, workerData } from 'node:worker_threads'
import { runThread, type ThreadData } from '../pool/thread.js'

runThread(workerData as ThreadData, () => parentPort!.postMessage('ready'))
