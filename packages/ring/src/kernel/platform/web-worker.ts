/** Entry point of a thread in a browser. Bundled into `generated/thread-source.ts` at build time, so that no bundler of an application needs to know of it. */
import { runThread, type ThreadData } from '../pool/thread.js'

addEventListener('message', (event: MessageEvent<ThreadData>) => runThread(event.data, () => postMessage('ready')), { once: true })
