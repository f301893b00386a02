/**
 * `node bucket-process.js DIRECTORY HOST`: as much of S3 as a worker asks for (GET, HEAD, PUT of objects), over a directory that a coordinator of the same machine has as
 * its store. A process of its own, so that what it sends takes nothing of the coordinator's time. Says its port in its first line.
 */
import { randomUUID } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, rename, stat } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'

const OBJECT = /^\/fleet\/(\w[\w.-]{0,127})\/([0-9a-f]{64})$/

const [directory, host] = process.argv.slice(2) as [string, string]
const server = createServer((request, response) => {
  answer(request, response).catch(() => response.destroy())
})
server.listen(0, host, () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`))

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [, space, hash] = OBJECT.exec(new URL(request.url ?? '', 'http://localhost').pathname) ?? []
  if (space === undefined || hash === undefined) {
    response.writeHead(400).end()
    return
  }
  const path = join(directory, space, hash)
  if (request.method === 'PUT') {
    await mkdir(dirname(path), { recursive: true })
    const part = `${path}.${randomUUID()}.part`
    await pipeline(request, createWriteStream(part))
    await rename(part, path)
    response.end()
    return
  }
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) {
    response.writeHead(404, { 'content-type': 'application/xml' })
    response.end(request.method === 'HEAD' ? undefined : '<Error><Code>NoSuchKey</Code><Message>no such key</Message></Error>')
    return
  }
  response.writeHead(200, { 'content-length': found.size })
  if (request.method === 'HEAD') response.end()
  else await pipeline(createReadStream(path, { highWaterMark: 2 ** 20 }), response)
}
