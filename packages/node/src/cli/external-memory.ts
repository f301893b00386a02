/**
 * What V8 counts of memory outside its heap. By default it begins a full collection whenever 64 MiB of buffers have been made since the last one, and marks all that lives each time; a
 * party whose messages are megabytes spends more on that than on everything else that it does to send and receive them. Counted together with the heap, buffers wait for a
 * collection until the heap and they have grown by about half.
 */
import { setFlagsFromString } from 'node:v8'

/** For the whole process, threads that are there and threads to come. Call it before there is much to collect. */
export function countBuffersWithHeap(): void {
  setFlagsFromString('--external-memory-accounted-in-global-limit')
}
