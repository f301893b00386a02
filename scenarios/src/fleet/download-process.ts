/** `node download-process.js DIRECTORY URL SECONDS`: fetches the objects of a store over a link, some at the same time, and nothing else; says bytes and seconds as JSON. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'

const AT_ONCE = 4

const [directory, url, limit] = process.argv.slice(2) as [string, string, string]
const paths: string[] = []
for (const space of await readdir(directory)) for (const hash of await readdir(join(directory, space))) paths.push(`${space}/${hash}`)
const begun = performance.now()
const seconds = (): number => (performance.now() - begun) / 1000
let bytes = 0
const fetchNext = async (): Promise<void> => {
  for (let path = paths.pop(); path !== undefined && seconds() < Number(limit); path = paths.pop()) {
    const response = await fetch(`${url}/${path}`)
    for await (const chunk of response.body!) bytes += chunk.length
  }
}
await Promise.all(Array.from({ length: AT_ONCE }, fetchNext))
process.stdout.write(JSON.stringify({ bytes, seconds: seconds() }))
