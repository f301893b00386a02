/** Serves a folder on this machine, with the headers under which pages may share memory. */
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname, join, normalize } from 'node:path'

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.json': 'application/json' }

/** @param {string} folder @param {{ html?: string, headers?: Record<string, string> }} options a page for `/` where the folder has none @returns address and a way to end it */
export async function serve(folder, { html, headers = {} } = {}) {
  const server = createServer(async (request, response) => {
    const path = normalize(new URL(request.url ?? '/', 'http://localhost').pathname)
    const isolated = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp', ...headers }
    try {
      const body = path === '/' && html !== undefined ? html : await readFile(join(folder, path === '/' ? 'index.html' : path))
      response.writeHead(200, { ...isolated, 'Content-Type': TYPES[extname(path)] ?? 'text/html' }).end(body)
    } catch {
      response.writeHead(404).end()
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { address: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() }
}
