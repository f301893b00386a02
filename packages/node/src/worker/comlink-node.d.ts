/** comlink's adapter for worker_threads ships types that NodeNext does not find beside the .mjs file. */
declare module 'comlink/dist/esm/node-adapter.mjs' {
  import type { MessagePort, Worker } from 'node:worker_threads'
  import type { Endpoint } from 'comlink'
  export default function nodeEndpoint(endpoint: Worker | MessagePort): Endpoint
}
